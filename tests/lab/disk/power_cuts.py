"""Power cuts in the middle of `cleave setup`: one for every seed, each judged after the next start.

A case is a moment of the story (which command runs, from which state), a number of writes after which the power goes, and
what the drive had written of the rest. All three follow from the seed, so that a case can be run again."""
import dataclasses
import json
import pathlib
import random
import tempfile
import time

import fingerprint
from laptop_with_disk import COMMAND_LIMIT, LaptopWithDisk, saved_login
from volatile_disk import Unflushed

PROGRAM = "/usr/local/bin/cleave"
SETUP = f"{PROGRAM} setup --way gvt-g --yes"
WORD = "i915.enable_gvt=1"
NEEDS_RESTART = 5
# Where fewer writes come than the one that is waited for, the power goes all the same, at the latest after this many seconds.
LATEST = 45
LATEST_OF_A_START = 150  # on a busy machine a start takes a minute, and the trial's end comes after it


@dataclasses.dataclass
class Moment:
    name: str
    prepare: str   # a script whose effects are there before the state is saved; empty: nothing
    command: str   # runs when the power goes; empty: the laptop restarts
    most_writes: int  # about as many as there are, measured


MOMENTS = [
    Moment("trial begins", "", f"{SETUP} --trial", 90),
    Moment("made permanent at once", "", f"{SETUP} --no-trial", 130),
    Moment("undone", f"{SETUP} --no-trial", f"{PROGRAM} setup --undo", 130),
    Moment("trial undone", f"{SETUP} --trial", f"{PROGRAM} setup --undo", 90),
    # From the restart on: the trial's own start, and its end.
    Moment("tried and confirmed", f"{SETUP} --trial", "", 700),
]


class Failed(Exception):
    """A machine that does not come up, or that cleave can neither finish nor undo."""


class PowerCuts:
    """Use as a context: holds the saved state of every moment."""

    def __init__(self, program, kind="grub"):
        self._program = program
        self._kind = kind
        self._directory = tempfile.TemporaryDirectory(prefix="power-cuts-")
        self._states = {}
        self._before = None

    def __enter__(self):
        self._directory.__enter__()
        return self

    def __exit__(self, *error):
        self._directory.__exit__(*error)

    def run(self, seed):
        """What happened, in a line; Failed if it should not have."""
        choice = random.Random(seed)
        moment = choice.choice(MOMENTS)
        count = choice.randint(1, moment.most_writes)
        unflushed = choice.choice(list(Unflushed))
        case = f"seed {seed}: {moment.name}, before write {count}, rest {unflushed.name.lower()}"
        with LaptopWithDisk(self._kind, self._state(moment)) as laptop:
            latest = LATEST if moment.command else LATEST_OF_A_START
            if moment.command:
                laptop.run(f"({moment.command}; sync) > /dev/null 2>&1 < /dev/null &")
            else:
                laptop.begin_reboot()
            came = laptop.power_cut_at_write(count, latest, unflushed, seed)
            laptop.power_on()
            if not laptop.boots_to_login():
                words = laptop.serial_log.read_text(errors="replace")[-3000:]
                raise Failed(f"{case}: does not boot to login; the last words were:\n{words}")
            end = self._judge(laptop, case)
        return f"{case}{'' if came else f' (fewer came: after {latest} s)'}: {end}"

    def _state(self, moment):
        if moment.prepare not in self._states:
            path = pathlib.Path(self._directory.name) / str(len(self._states))
            with LaptopWithDisk(self._kind, saved_login(self._kind)) as laptop:
                laptop.put(self._program, PROGRAM)
                laptop.check("sync")
                if self._before is None:
                    self._before = fingerprint.fingerprint(laptop)
                if moment.prepare:
                    done = laptop.run(moment.prepare)
                    if done.status != NEEDS_RESTART:
                        raise Failed(f"{moment.prepare}: {done}")
                laptop.check("sync")
                laptop.save(path)
            self._states[moment.prepare] = path
        return self._states[moment.prepare]

    def _judge(self, laptop, case):
        """What stood after the start; then everything is taken back and has to be as before."""
        status = self._settled(laptop)
        kinds = [each["kind"] for each in status["applied"]]
        in_files = WORD in laptop.check("cat /boot/grub/grub.cfg")
        for each in status["applied"]:
            if "missing" in each["states"]:
                raise Failed(f"{case}: applied, but not there: {each}")
        if in_files and not (kinds or status["open"]):
            raise Failed(f"{case}: the words stand in the menu and nobody knows of them")
        done = laptop.run(f"{PROGRAM} setup --undo", limit=3 * COMMAND_LIMIT)
        if done.status != 0:
            raise Failed(f"{case}: cannot be undone: {done}")
        differences = fingerprint.differences(self._before, fingerprint.fingerprint(laptop))
        if differences:
            raise Failed(f"{case}: differs after the undo: {differences}")
        last = status["last_trial"]
        return f"{'+'.join(kinds) or 'nothing'} applied, {len(status['open'])} open" + (
            f", trial {last['result']}" if last else "")

    @staticmethod
    def _settled(laptop):
        """Once the units of a trial have ended."""
        end = time.monotonic() + 3 * COMMAND_LIMIT
        laptop.run("systemctl is-system-running --wait", limit=3 * COMMAND_LIMIT)
        while True:
            status = json.loads(laptop.run(f"{PROGRAM} setup --status --json", limit=COMMAND_LIMIT).stdout)
            trying = any(word.startswith("cleave.trial=") for word in laptop.kernel_command_line())
            if status["trial"] is None or not trying or time.monotonic() > end:
                return status
            time.sleep(2)
