"""What the laptop's configuration and boot files are: content, mode, owner, extended attributes, targets; no times."""
import hashlib
import re

TREES = ("/etc", "/boot")  # the ESP is mounted below /boot

# Nothing is left out: a boot in which nobody does anything changes none of it (measured with GRUB and systemd-boot). Only the
# first boot of systemd-boot's image does: systemd-bless-boot takes the counter out of the entry's name.

# One record a file, fields ended by NUL: path, type and mode, owner, group, link's target; then digests; then attributes.
LIST = r"""set -e
find {trees} -printf '%p\0%y%m\0%U\0%G\0%l\0'
"""
DIGESTS = r"""find {trees} -type f -print0 | xargs -0 sha256sum -z"""
ATTRIBUTES = r"""getfattr --absolute-names -h -R -d -m - -e hex {trees}"""


def fingerprint(laptop):
    """Path -> a digest of everything about it that counts; two equal dictionaries are two equal configurations."""
    trees = " ".join(TREES)
    fields = laptop.check(LIST.format(trees=trees)).split("\0")[:-1]
    known = {fields[at]: fields[at + 1:at + 5] for at in range(0, len(fields), 5)}
    for line in laptop.check(DIGESTS.format(trees=trees)).split("\0")[:-1]:
        digest, path = line.split("  ", 1)
        known[path].append(digest)
    for block in laptop.check(ATTRIBUTES.format(trees=trees)).split("\n\n"):
        match = re.match(r"# file: (.*)\n([\s\S]*)", block)
        if match:
            known[match.group(1)].append(match.group(2).strip())
    return {path: hashlib.sha256("\0".join(words).encode()).hexdigest() for path, words in known.items()}


def differences(before, after):
    """The paths at which two fingerprints differ."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
