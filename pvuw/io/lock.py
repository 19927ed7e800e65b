"""One writer per folder."""

import fcntl
import os
import socket
from pathlib import Path

from pvuw.errors import DataError

_NAME = ".lock"


class FolderLock:
    """Held by the run that writes into a folder; gone when its process ends, however it ends.

    Args:
        folder: The folder; made if missing.

    Raises:
        DataError: If another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / _NAME
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 200).decode(errors="replace").strip()
            os.close(self._file)
            raise DataError(
                f"{folder}: another run is writing into it ({holder or 'unknown process'}); wait "
                "for it or give another --out"
            ) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"process {os.getpid()} on {socket.gethostname()}".encode())

    def release(self) -> None:
        """Let others write and remove the lock's file."""
        self.path.unlink(missing_ok=True)
        os.close(self._file)
