"""`cleave setup` on a laptop with a disk and GRUB: the whole story once, and power cuts at five moments of it.

setup_more_test.py has other boot loaders, hosts on which something stands in the way, and a start that hangs; torture.py has
power cuts by the hundred."""
import unittest

from setup_laptop import CLEAVE, SetupTest
from power_cuts import PowerCuts  # beside the laptop's own modules, whose place setup_laptop knows


class Trial(SetupTest):
    def test_what_works_becomes_permanent_and_an_undo_takes_back_every_byte(self):
        self.expect_a_trial_to_become_permanent_and_to_be_taken_back()


class Power(SetupTest):
    # One of each moment in power_cuts.MOMENTS, in the middle of its writes.
    SEEDS = (2, 4, 7, 12, 6)

    def setUp(self):
        """Every case has a laptop of its own."""

    def test_a_cut_leaves_the_start_or_the_end(self):
        with PowerCuts(CLEAVE) as cuts:
            for seed in self.SEEDS:
                with self.subTest(seed=seed):
                    print(cuts.run(seed), flush=True)


if __name__ == "__main__":
    unittest.main()
