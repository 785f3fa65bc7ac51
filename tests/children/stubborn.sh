# Ignores the polite signal and waits for a child that does so too.
trap '' TERM
echo ready
sleep 100 &
wait
