"""One small packet at a time, there and back, thousands of times: each one has to wake netvfd, and no wake-up is lost."""
from labkit import ours


ROUNDS = 3000
# A lost wake-up would cost netvfd's watchdog 250 ms: with one in three lost this would not end in time.
DEADLINE = 240

# The guest gives back each line that it gets; nothing else is under way meanwhile. The outside serves.
PLAY = """
rm -f /tmp/ball /tmp/rounds; mkfifo /tmp/ball
nc {target} 7002 < /tmp/ball | {{
    rounds=0
    while read -r ball; do
        rounds=$((rounds + 1))
        [ $rounds -lt {rounds} ] || break
        echo $ball
    done
    echo $rounds > /tmp/rounds
}} > /tmp/ball
cat /tmp/rounds
"""


def play(lab, guest):
    lab.outside.start(["socat", "TCP-LISTEN:7002,reuseaddr,nodelay", "SYSTEM:echo ball; exec cat"], "socat.log")
    said = guest.exec("sleep 0.5; " + PLAY.format(target=lab.OUR_OUTSIDE, rounds=ROUNDS), timeout=DEADLINE).out.strip()
    lab.check(said == str(ROUNDS), f"the ball was lost after {said or 0} of {ROUNDS} rounds")


def run(lab):
    guest = ours.guest_on_vf(lab)
    before = lab.show(guest)["counters"]
    with ours.ThroughVf(lab, guest, sent=ROUNDS, received=ROUNDS):
        play(lab, guest)
    after = lab.show(guest)["counters"]
    grown = {key: after[key] - before[key] for key in ("events_received", "events_sent", "interrupts", "polls", "missed_wakeups")}
    # It must have slept in between, or this would show nothing: by far most rounds find netvfd asleep once at least.
    lab.check(grown["events_received"] >= ROUNDS // 2, f"netvfd was woken {grown['events_received']} times in {ROUNDS} rounds")
    lab.check(grown["missed_wakeups"] == 0, f"{grown['missed_wakeups']} of {grown['events_received']} wake-ups were lost")
    return grown | {"rounds": ROUNDS}
