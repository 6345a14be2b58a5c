# nginx's auto/make calls this: how the file comes about that config names

cat << END                                                >> $NGX_MAKEFILE

$claude_assets_c:	$claude_assets $claude_embed
	sh $claude_embed $claude_assets > \$@.new
	mv -f \$@.new \$@

END
