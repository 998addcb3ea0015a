#include "file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "js.h"

#ifndef STATX_DIOALIGN
#define STATX_DIOALIGN 0x00002000U
#endif

namespace hawser {

namespace {

// Shared with lib/block/native-binding.ts.
constexpr uint32_t kReadOnly = 1;
constexpr uint32_t kDirect = 2;
constexpr uint32_t kCreate = 4;

constexpr uint32_t kSectorBytes = 512;
// Where the kernel doesn't tell (before 6.1): right for every disk that exists.
constexpr uint32_t kDirectAlignmentFallback = 4096;

// Large enough for every kernel's statx; newer fields than the C library's are read by their place.
struct StatxBuffer {
  alignas(8) unsigned char bytes[512];
  uint32_t At(size_t offset) const {
    uint32_t value;
    std::memcpy(&value, bytes + offset, sizeof value);
    return value;
  }
};
constexpr size_t kStatxMaskAt = 0;
constexpr size_t kStatxMemoryAlignAt = 0x98;
constexpr size_t kStatxOffsetAlignAt = 0x9c;

struct Facts {
  int fd = -1;
  bool block_device = false;
  bool direct = false;
  uint64_t bytes = 0;
  uint64_t allocated_bytes = 0;
  uint32_t logical_block_bytes = kSectorBytes;
  uint32_t physical_block_bytes = 4096;
  uint32_t memory_align = 1;
  bool punches_holes = false;
  dev_t device = 0;
  uint64_t inode = 0;
};

int OpenPath(const std::string& path, uint32_t flags, Facts& facts) {
  int mode = O_CLOEXEC | O_NOCTTY | ((flags & kReadOnly) != 0 ? O_RDONLY : O_RDWR);
  if ((flags & kCreate) != 0) mode |= O_CREAT;
  struct stat status;
  const bool exists = stat(path.c_str(), &status) == 0;
  if (exists && S_ISBLK(status.st_mode)) mode |= O_EXCL;
  facts.direct = (flags & kDirect) != 0;
  facts.fd = open(path.c_str(), mode | (facts.direct ? O_DIRECT : 0), 0600);
  if (facts.fd < 0 && errno == EINVAL && facts.direct) {
    // a file system without direct I/O
    facts.direct = false;
    facts.fd = open(path.c_str(), mode, 0600);
  }
  return facts.fd < 0 ? errno : 0;
}

int Lock(int fd, bool read_only) {
  struct flock lock = {};
  lock.l_type = read_only ? F_RDLCK : F_WRLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? errno : 0;
}

void AskDirectAlignment(Facts& facts) {
  if (!facts.direct) return;
  facts.memory_align = kDirectAlignmentFallback;
  facts.logical_block_bytes = std::max(facts.logical_block_bytes, kDirectAlignmentFallback);
  StatxBuffer answer = {};
  if (syscall(SYS_statx, facts.fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &answer) != 0) return;
  const uint32_t offset_align = answer.At(kStatxOffsetAlignAt);
  if ((answer.At(kStatxMaskAt) & STATX_DIOALIGN) == 0 || offset_align == 0) return;
  facts.memory_align = std::max(1u, answer.At(kStatxMemoryAlignAt));
  facts.logical_block_bytes = std::max(kSectorBytes, offset_align);
}

int AskBlockDevice(Facts& facts) {
  int logical = 0;
  unsigned physical = 0;
  if (ioctl(facts.fd, BLKGETSIZE64, &facts.bytes) < 0 || ioctl(facts.fd, BLKSSZGET, &logical) < 0 ||
      ioctl(facts.fd, BLKPBSZGET, &physical) < 0) {
    return errno;
  }
  facts.block_device = true;
  facts.logical_block_bytes = static_cast<uint32_t>(logical);
  facts.physical_block_bytes = physical;
  facts.allocated_bytes = facts.bytes;
  facts.memory_align = facts.direct ? static_cast<uint32_t>(logical) : 1;
  return 0;
}

int AskFile(const struct stat& status, bool read_only, Facts& facts) {
  facts.bytes = static_cast<uint64_t>(status.st_size);
  facts.allocated_bytes = static_cast<uint64_t>(status.st_blocks) * kSectorBytes;
  facts.physical_block_bytes = static_cast<uint32_t>(status.st_blksize);
  AskDirectAlignment(facts);
  // Behind the end of the file there is nothing to lose.
  facts.punches_holes = !read_only && fallocate(facts.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                                status.st_size, facts.physical_block_bytes) == 0;
  return 0;
}

int Ask(bool read_only, Facts& facts) {
  struct stat status;
  if (fstat(facts.fd, &status) < 0) return errno;
  facts.device = S_ISBLK(status.st_mode) ? status.st_rdev : status.st_dev;
  facts.inode = status.st_ino;
  if (S_ISBLK(status.st_mode)) return AskBlockDevice(facts);
  if (!S_ISREG(status.st_mode)) return S_ISDIR(status.st_mode) ? EISDIR : ENODEV;
  const int error = Lock(facts.fd, read_only);
  return error != 0 ? error : AskFile(status, read_only, facts);
}

Napi::Object ToObject(Napi::Env env, const Facts& facts) {
  auto result = Napi::Object::New(env);
  auto number = [&](const char* name, double value) {
    result.Set(name, Napi::Number::New(env, value));
  };
  number("fd", facts.fd);
  number("bytes", static_cast<double>(facts.bytes));
  number("allocatedBytes", static_cast<double>(facts.allocated_bytes));
  number("logicalBlockBytes", facts.logical_block_bytes);
  number("physicalBlockBytes", facts.physical_block_bytes);
  number("memoryAlignBytes", facts.memory_align);
  number("deviceMajor", major(facts.device));
  number("deviceMinor", minor(facts.device));
  number("inode", static_cast<double>(facts.inode));
  result.Set("blockDevice", Napi::Boolean::New(env, facts.block_device));
  result.Set("direct", Napi::Boolean::New(env, facts.direct));
  result.Set("punchesHoles", Napi::Boolean::New(env, facts.punches_holes));
  return result;
}

// Runs blocking work on a thread of libuv's pool and settles a promise with what it made. The calls that settle it may
// fail where the environment is ending meanwhile; then nobody is left to be told, and that is no error.
class FileWorker : public Napi::AsyncWorker {
 public:
  using Work = std::function<int(std::vector<double>&)>;
  static Napi::Value Run(Napi::Env env, const char* what, bool answers, Work work) {
    auto* worker = new FileWorker(env, what, answers, std::move(work));
    napi_value promise = nullptr;
    napi_create_promise(env, &worker->deferred_, &promise);
    worker->Queue();
    return Napi::Value(env, promise);
  }

 private:
  FileWorker(Napi::Env env, const char* what, bool answers, Work work)
      : Napi::AsyncWorker(env, what), what_(what), answers_(answers), work_(std::move(work)) {}

  void Execute() override { error_ = work_(numbers_); }

  void OnOK() override {
    napi_value value = nullptr;
    if (error_ != 0) {
      if (MakeError(&value) == napi_ok) napi_reject_deferred(Env(), deferred_, value);
    } else {
      if (MakeAnswer(&value) == napi_ok) napi_resolve_deferred(Env(), deferred_, value);
    }
  }

  napi_status MakeError(napi_value* error) const {
    const std::string words = std::string(what_) + ": " + std::strerror(error_);
    napi_value message = nullptr;
    napi_value code = nullptr;
    napi_status status =
        napi_create_string_utf8(Env(), words.data(), words.size(), &message);
    if (status == napi_ok) status = napi_create_error(Env(), nullptr, message, error);
    if (status == napi_ok) status = napi_create_int32(Env(), -error_, &code);
    if (status == napi_ok) status = napi_set_named_property(Env(), *error, "errno", code);
    return status;
  }

  napi_status MakeAnswer(napi_value* answer) const {
    if (!answers_) return napi_get_undefined(Env(), answer);
    void* memory = nullptr;
    napi_value buffer = nullptr;
    const size_t bytes = numbers_.size() * sizeof(double);
    const napi_status status = napi_create_arraybuffer(Env(), bytes, &memory, &buffer);
    if (status != napi_ok) return status;
    if (bytes > 0) std::memcpy(memory, numbers_.data(), bytes);
    return napi_create_typedarray(Env(), napi_float64_array, numbers_.size(), buffer, 0, answer);
  }

  napi_deferred deferred_ = nullptr;
  const char* const what_;
  const bool answers_;
  const Work work_;
  std::vector<double> numbers_;
  int error_ = 0;
};

int FindData(int fd, off_t offset, off_t end, size_t limit, std::vector<double>& ranges) {
  while (offset < end && ranges.size() < 2 * limit) {
    const off_t start = lseek(fd, offset, SEEK_DATA);
    // ENXIO: nothing but a hole up to the end of the file
    if (start < 0) return errno == ENXIO ? 0 : errno;
    if (start >= end) return 0;
    const off_t hole = lseek(fd, start, SEEK_HOLE);
    if (hole < 0) return errno;
    ranges.push_back(static_cast<double>(start));
    ranges.push_back(static_cast<double>(std::min(hole, end)));
    offset = hole;
  }
  return 0;
}

off_t OffsetOf(const Napi::Value& value) { return static_cast<off_t>(value.ToNumber().Int64Value()); }

}  // namespace

Napi::Value OpenFile(const Napi::CallbackInfo& info) {
  const std::string path = info[0].ToString();
  const uint32_t flags = info[1].ToNumber().Uint32Value();
  Facts facts;
  int error = OpenPath(path, flags, facts);
  if (error == 0) {
    error = Ask((flags & kReadOnly) != 0, facts);
    if (error != 0) close(facts.fd);
  }
  if (error != 0) return ThrowErrno(info.Env(), error, "open " + path);
  return ToObject(info.Env(), facts);
}

Napi::Value FileSize(const Napi::CallbackInfo& info) {
  const int fd = info[0].ToNumber().Int32Value();
  struct stat status;
  uint64_t bytes = 0;
  if (fstat(fd, &status) < 0) return ThrowErrno(info.Env(), errno, "size of a file");
  if (S_ISREG(status.st_mode)) {
    bytes = static_cast<uint64_t>(status.st_size);
  } else if (ioctl(fd, BLKGETSIZE64, &bytes) < 0) {
    return ThrowErrno(info.Env(), errno, "size of a block device");
  }
  return Napi::Number::New(info.Env(), static_cast<double>(bytes));
}

Napi::Value Preallocate(const Napi::CallbackInfo& info) {
  const int fd = info[0].ToNumber().Int32Value();
  const off_t bytes = OffsetOf(info[1]);
  return FileWorker::Run(info.Env(), "preallocate", false, [fd, bytes](std::vector<double>&) {
    return fallocate(fd, 0, 0, bytes) < 0 ? errno : 0;
  });
}

Napi::Value DataRanges(const Napi::CallbackInfo& info) {
  const int fd = info[0].ToNumber().Int32Value();
  const off_t offset = OffsetOf(info[1]);
  const off_t end = offset + OffsetOf(info[2]);
  const auto limit = static_cast<size_t>(info[3].ToNumber().Uint32Value());
  return FileWorker::Run(info.Env(), "extents", true,
                         [fd, offset, end, limit](std::vector<double>& ranges) {
                           return FindData(fd, offset, end, limit, ranges);
                         });
}

Napi::Value CloseFile(const Napi::CallbackInfo& info) {
  const int fd = info[0].ToNumber().Int32Value();
  return FileWorker::Run(info.Env(), "close", false, [fd](std::vector<double>&) {
    // the descriptor is gone whatever close says; its error is one that a sync would have met
    return close(fd) < 0 && errno != EINTR ? errno : 0;
  });
}

}  // namespace hawser
