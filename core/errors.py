"""What can go wrong for a user, in one small tree. Owns no logic.

    UnfreezeError                a sentence for the user: what happened, to what, and what to do
    ├── WeightsError             weights that cannot be had or do not fit
    │   ├── WeightsFileError     a user's file: missing, no checkpoint, or of another architecture
    │   │   └── NetworkMissingError   a frozen run's checkpoint without the network that it belongs to
    │   ├── WeightsDamagedError  a file of the hub's that is not what was published
    │   ├── WeightsAbsentError   a file of the hub's that nobody has downloaded yet
    │   └── HubUnreachableError  the download failed; the message names the way out
    ├── PublishedFileError       a published file that cannot be had or used
    │   ├── FileDamagedError     it is not what was published
    │   └── FileUnreachableError the download failed; the message names the way out
    ├── DownloadStoppedError     a download that was asked to stop
    ├── ReadingError             a user's file that was not read this time, though it may be sound
    ├── TrainingDivergedError    the loss is not a number any more
    ├── TrainingImpossibleError   settings that these photos, or this device, do not allow
    ├── DataSetError             a data set that cannot be read, or made
    ├── DataChangedError         photos that are not those that a run began with
    ├── StorageError             a disk that refuses to be written to
    ├── NotEnoughDiskError       no room for the checkpoints of a run
    ├── RunNotFoundError         an id that names no run, or one that is damaged
    │   └── RunUnreadableError   a run that the disk does not give at the moment, though it may be sound
    ├── UploadRefusedError       a dropped file that is not taken in
    │   ├── NoRoomForUploadError the disk has no room for it
    │   ├── DropFullError        there are as many files as one drop may hold
    │   └── DropNotFoundError    what it was dropped on is not there any more
    ├── PhotoError               a file that is no photo, or one that cannot be read
    └── TrashError               a run that cannot be deleted or restored as things are

A bad setting is a `ValueError` from the configuration that refused it.
"""


class UnfreezeError(Exception):
    """Its message is shown to the user as it is."""


class WeightsError(UnfreezeError):
    """Weights that cannot be had or do not fit the network."""


class WeightsFileError(WeightsError):
    """A file of the user's that is missing, is no checkpoint, or belongs to another architecture."""


class NetworkMissingError(WeightsFileError):
    """A frozen run's checkpoint, which holds a head, without the network that it belongs to."""


class WeightsDamagedError(WeightsError):
    """Pretrained weights on this computer that are not what was published."""


class WeightsAbsentError(WeightsError):
    """Pretrained weights that nobody has downloaded yet."""


class HubUnreachableError(WeightsError):
    """Pretrained weights that could not be downloaded."""


class PublishedFileError(UnfreezeError):
    """A published file that cannot be had, or not be used."""


class FileDamagedError(PublishedFileError):
    """A file on this computer that is not what was published."""


class FileUnreachableError(PublishedFileError):
    """A published file that could not be downloaded."""


class DownloadStoppedError(UnfreezeError):
    """A download that was asked to stop."""


class ReadingError(UnfreezeError):
    """A user's file that was not read this time, for lack of time, memory or a free process. It may be sound."""


class TrainingDivergedError(UnfreezeError):
    """The loss of a step, or of a validation, is infinite or not a number."""


class TrainingImpossibleError(UnfreezeError):
    """Settings with which no step can be taken on these photos, or on this device."""


class DataSetError(UnfreezeError):
    """A data set whose files are damaged, or that cannot be made of what was given."""


class DataChangedError(UnfreezeError):
    """The photos of a run, their labels or their sides are not those that it began with."""


class StorageError(UnfreezeError):
    """A disk that is full, or that refuses to be written to for another reason."""


class NotEnoughDiskError(UnfreezeError):
    """The disk has no room for the checkpoints of a run."""


class RunNotFoundError(UnfreezeError):
    """An id that names no run, or one whose files hold something that cannot be."""


class RunUnreadableError(RunNotFoundError):
    """A run whose files the disk does not give at the moment. It may be sound."""


class UploadRefusedError(UnfreezeError):
    """A dropped file that is not taken in: too large, or not whole."""


class NoRoomForUploadError(UploadRefusedError):
    """A dropped file for which the disk has no room, or which it refuses for another reason."""


class DropFullError(UploadRefusedError):
    """A drop with as many files as it may hold. None of the others will be taken, either."""


class DropNotFoundError(UploadRefusedError):
    """A file for a drop that nobody has begun, or that is gone."""


class PhotoError(UnfreezeError):
    """A file that is no photo, or one that cannot be read."""


class TrashError(UnfreezeError):
    """A run that cannot be deleted, restored or removed for good as things are."""
