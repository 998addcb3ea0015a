#include <cerrno>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "entry.h"

namespace hawser {

namespace {

int32_t Transfer(Entry& entry) {
  while (entry.done < entry.length) {
    char* memory = entry.memory + entry.done;
    const size_t length = std::min(entry.length - entry.done, kTransferBytesMax);
    const off_t offset = static_cast<off_t>(entry.offset + entry.done);
    ssize_t moved;
    if (entry.op == Op::kRead) {
      moved = pread(entry.fd, memory, length, offset);
    } else {
      const iovec piece = {memory, length};
      moved = pwritev2(entry.fd, &piece, 1, offset, entry.op == Op::kWriteDurable ? RWF_DSYNC : 0);
    }
    if (moved < 0) {
      if (errno == EINTR) continue;
      return TransferError(entry, -errno);
    }
    // The file ends inside the range: somebody cut it behind our back.
    if (moved == 0) return -EIO;
    entry.done += static_cast<uint64_t>(moved);
  }
  return 0;
}

template <typename Call>
int32_t Retry(Call call) {
  int result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : 0;
}

int32_t Allocate(const Entry& entry, int mode) {
  return Retry([&] {
    return fallocate(entry.fd, mode | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(entry.offset),
                     static_cast<off_t>(entry.length));
  });
}

}  // namespace

int32_t TransferError(const Entry& entry, int32_t error) {
  return entry.done > 0 ? -EIO : error;
}

int32_t Perform(Entry& entry) {
  switch (entry.op) {
    case Op::kRead:
    case Op::kWrite:
    case Op::kWriteDurable:
      return Transfer(entry);
    case Op::kSync:
      return Retry([&] { return fdatasync(entry.fd); });
    case Op::kPunchHole:
      return Allocate(entry, FALLOC_FL_PUNCH_HOLE);
    case Op::kZeroRange:
      return Allocate(entry, FALLOC_FL_ZERO_RANGE);
    case Op::kDiscard: {
      uint64_t range[2] = {entry.offset, entry.length};
      return Retry([&] { return ioctl(entry.fd, BLKDISCARD, &range); });
    }
  }
  return -EINVAL;
}

}  // namespace hawser
