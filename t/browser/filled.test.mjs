/**
 * What needs a store of many keys, in one process: one browser does for all.
 * The order counts: the last but one ends all sessions, and after the last
 * nobody signs in any more.
 */

import './keys.test.mjs';
import './hostile.test.mjs';
import './looks.test.mjs';
import './session.test.mjs';
import './locked.test.mjs';
