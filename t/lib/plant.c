
/*
 * A defect to be found, preloaded into nginx: each key digest leaks memory
 * (PLANT_LEAK bytes), or reads behind an allocation.  Shows that the tests for
 * leaks and with sanitizers see what they are there to see.
 */


#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>


typedef int (*generichash_pt)(unsigned char *out, size_t outlen,
    const unsigned char *in, unsigned long long inlen,
    const unsigned char *key, size_t keylen);


int
crypto_generichash(unsigned char *out, size_t outlen,
    const unsigned char *in, unsigned long long inlen,
    const unsigned char *key, size_t keylen)
{
    char            *p;
    generichash_pt   real;

#ifdef PLANT_LEAK

    p = malloc(PLANT_LEAK);

    if (p != NULL) {
        memset(p, 1, PLANT_LEAK);
        __asm__ volatile ("" : : "r" (p) : "memory");
    }

#else

    volatile char    c;
    volatile size_t  n;

    n = 16;
    p = malloc(n);

    if (p != NULL) {
        memset(p, 0, n);
        c = p[n];
        (void) c;
        free(p);
    }

#endif

    *(void **) &real = dlsym(RTLD_NEXT, "crypto_generichash");

    return real(out, outlen, in, inlen, key, keylen);
}
