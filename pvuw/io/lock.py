"""One writing run per folder."""

import fcntl
import os
import socket
from pathlib import Path
from typing import Self

from pvuw.errors import DataError

_NAME = ".lock"


class FolderLock:
    """Held by the run that writes into a folder; gone when its processes end, however they end.

    One process of a run claims the folder alone, prepares it and lets the others in (`share`,
    `join`). From then on no other run can claim it until the last of them has left.

    Args:
        folder: The folder; made if missing.

    Raises:
        DataError: If another run holds it, or no locks can be had there.
    """

    def __init__(self, folder: Path) -> None:
        self._hold(folder, fcntl.LOCK_EX)
        os.ftruncate(self._file, 0)
        os.write(self._file, f"process {os.getpid()} on {socket.gethostname()}".encode())

    @classmethod
    def join(cls, folder: Path) -> Self:
        """Hold the folder beside another process of the same run.

        Raises:
            DataError: If another run holds it.
        """
        lock = cls.__new__(cls)
        lock._hold(folder, fcntl.LOCK_SH)
        return lock

    def share(self) -> None:
        """Let other processes of this run join."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def release(self) -> None:
        """Leave; the last process of the run removes the lock's file."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.path.unlink(missing_ok=True)
        except BlockingIOError:
            pass  # others still hold it
        os.close(self._file)

    def __enter__(self) -> Self:
        """Return the lock itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self.release()

    def _hold(self, folder: Path, kind: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / _NAME
        self._file = self._locked(folder, kind)
        while not self._is_there():  # its holder removed the file while we waited for its lock
            os.close(self._file)
            self._file = self._locked(folder, kind)

    def _locked(self, folder: Path, kind: int) -> int:
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 200).decode(errors="replace").strip()
            os.close(file)
            raise DataError(
                f"{folder}: another run is writing into it ({holder or 'unknown process'}); wait "
                "for it or give another --out"
            ) from None
        except OSError as error:
            os.close(file)
            raise DataError(
                f"{folder}: its file system cannot lock a file ({error.strerror}), so two runs "
                "could write into it at once; give an --out on another disk"
            ) from error
        return file

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            return False
