"""What an installation is told, looked at by others: autounattend.xml by an XML parser and the rules
of Microsoft's reference, the seed by cloud-init's own schema where that program is installed."""
import pathlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree as tree

UNATTEND = "{urn:schemas-microsoft-com:unattend}"
ACTION = "{http://schemas.microsoft.com/WMIConfig/2002/State}action"
# Component → the configuration passes in which the reference allows it, and the children that may
# stand directly below it (learn.microsoft.com, "Unattended Windows Setup Reference").
COMPONENTS = {
    "Microsoft-Windows-International-Core-WinPE": (
        {"windowsPE"}, {"SetupUILanguage", "InputLocale", "SystemLocale", "UILanguage", "UserLocale"}),
    "Microsoft-Windows-Setup": (
        {"windowsPE"}, {"DiskConfiguration", "ImageInstall", "UserData"}),
    "Microsoft-Windows-International-Core": (
        {"specialize", "oobeSystem"}, {"InputLocale", "SystemLocale", "UILanguage", "UserLocale"}),
    "Microsoft-Windows-Shell-Setup": (
        {"specialize", "oobeSystem"},
        {"ComputerName", "TimeZone", "AutoLogon", "FirstLogonCommands", "OOBE", "UserAccounts"}),
}
# Settings of that component which the reference allows in one of the two passes alone.
SPECIALIZE_ONLY = {"ComputerName"}
OOBE_ONLY = {"FirstLogonCommands", "OOBE", "UserAccounts"}
PASSES = ["windowsPE", "specialize", "oobeSystem"]
ITEMS = {"Disk", "CreatePartition", "ModifyPartition", "MetaData", "SynchronousCommand", "LocalAccount"}


def plain(element):
    return element.tag.removeprefix(UNATTEND)


def problems_of_answers(text):
    root = tree.fromstring(text)
    if root.tag != UNATTEND + "unattend":
        yield f"the root is {root.tag}"
    passes = [settings.get("pass") for settings in root]
    if passes != PASSES:
        yield f"passes {passes}"
    for settings in root:
        for component in settings:
            name = component.get("name")
            allowed, children = COMPONENTS.get(name, (set(), set()))
            if settings.get("pass") not in allowed:
                yield f"{name} in the pass {settings.get('pass')}"
            for attribute, value in (("processorArchitecture", "amd64"), ("language", "neutral"),
                                     ("publicKeyToken", "31bf3856ad364e35"), ("versionScope", "nonSxS")):
                if component.get(attribute) != value:
                    yield f"{name}: {attribute} is {component.get(attribute)}"
            found = [plain(child) for child in component]
            if set(found) - children or len(found) != len(set(found)):
                yield f"{name} has {found}"
            wrong = OOBE_ONLY if settings.get("pass") == "specialize" else SPECIALIZE_ONLY
            if name.endswith("Shell-Setup") and set(found) & wrong:
                yield f"{set(found) & wrong} in the pass {settings.get('pass')}"
    for element in root.iter():
        if (plain(element) in ITEMS) != (element.get(ACTION) == "add"):
            yield f"{plain(element)} and wcm:action"
    yield from problems_of_disk(root)


def problems_of_disk(root):
    created = root.findall(f".//{UNATTEND}CreatePartition")
    changed = root.findall(f".//{UNATTEND}ModifyPartition")
    target = root.findtext(f".//{UNATTEND}InstallTo/{UNATTEND}PartitionID")
    for what, found in (("CreatePartition", created), ("ModifyPartition", changed)):
        orders = [element.findtext(UNATTEND + "Order") for element in found]
        if orders != [str(number) for number in range(1, len(found) + 1)]:
            yield f"{what} in the order {orders}"
    kinds = [element.findtext(UNATTEND + "Type") for element in created]
    if kinds != ["EFI", "MSR", "Primary"] or target != "3":
        yield f"partitions {kinds}, installed to {target}"
    # One of them takes what is left, and has no size.
    for element in created:
        if (element.find(UNATTEND + "Size") is None) != (element.findtext(UNATTEND + "Extend") == "true"):
            yield "a partition with a size that extends, or with neither"


def main():
    golden = pathlib.Path(sys.argv[1]) / "golden" / "vm"
    problems = list(problems_of_answers((golden / "autounattend-uefi.xml").read_bytes()))
    program = shutil.which("cloud-init")
    if program is None:
        print("cloud-init is not installed: its schema was not asked")
    else:
        asked = subprocess.run([program, "schema", "--config-file", str(golden / "user-data.yaml")],
                               capture_output=True, text=True, check=False)
        if asked.returncode != 0 or "Valid" not in asked.stdout:
            problems.append(asked.stdout + asked.stderr)
    print("\n".join(problems) if problems else "good answers")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
