"""Extract an archive as a stranger would: the zstandard module of PyPI and tarfile, nothing that knows the format.

    extract_zstandard.py ARCHIVE DIR

DIR must not exist or be empty. Exit code 1 when the archive can't be read.
"""

import pathlib
import sys
import tarfile

import zstandard

CHUNK = 1 << 20


def extract(archive, directory):
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise OSError(f"{directory}: not empty")
    with open(archive, "rb") as file:
        # A bundle is many frames; what comes after the tar's end (skippable frames) has to be readable as well.
        stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            if hasattr(tarfile, "tar_filter"):
                tar.extractall(directory, filter="tar")
            else:
                tar.extractall(directory)
        while rest := stream.read(CHUNK):
            if rest.strip(b"\0"):
                raise tarfile.TarError("something follows the end of the tar")


def main(arguments):
    if len(arguments) != 2:
        print("usage: extract_zstandard.py ARCHIVE DIR", file=sys.stderr)
        return 64
    try:
        extract(arguments[0], pathlib.Path(arguments[1]))
    except (OSError, tarfile.TarError, zstandard.ZstdError) as error:
        print(f"error: {arguments[0]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
