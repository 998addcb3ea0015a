#include "ring.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>

namespace hawser {

namespace {

constexpr unsigned kSubmissionEntries = 256;
constexpr unsigned kProbeOps = 64;

int Setup(unsigned entries, io_uring_params* params) {
  return static_cast<int>(syscall(__NR_io_uring_setup, entries, params));
}

int EnterCall(int fd, unsigned to_submit, unsigned flags) {
  return static_cast<int>(syscall(__NR_io_uring_enter, fd, to_submit, 0, flags, nullptr, 0));
}

int Register(int fd, unsigned opcode, void* argument, unsigned count) {
  return static_cast<int>(syscall(__NR_io_uring_register, fd, opcode, argument, count));
}

template <typename T>
T* At(void* base, unsigned offset) {
  return reinterpret_cast<T*>(static_cast<char*>(base) + offset);
}

}  // namespace

std::unique_ptr<Ring> Ring::Create(unsigned depth, int* error) {
  // COOP_TASKRUN spares an interrupt for each completion; SUBMIT_ALL keeps a bad entry from holding up the others.
  const unsigned wishes[] = {IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL, 0};
  std::unique_ptr<Ring> ring(new Ring());
  io_uring_params params;
  for (const unsigned wish : wishes) {
    std::memset(&params, 0, sizeof params);
    params.flags = IORING_SETUP_CQSIZE | wish;
    // cancellations complete too
    params.cq_entries = std::max(2 * depth, 2 * kSubmissionEntries);
    ring->fd_ = Setup(kSubmissionEntries, &params);
    if (ring->fd_ >= 0 || errno != EINVAL) break;
  }
  if (ring->fd_ < 0 || !ring->Map(params)) {
    *error = errno;
    return nullptr;
  }
  if (!ring->Probe()) {
    *error = ENOSYS;
    return nullptr;
  }
  return ring;
}

Ring::~Ring() {
  if (sqes_ != nullptr) munmap(sqes_, sqes_bytes_);
  if (ring_memory_ != nullptr) munmap(ring_memory_, ring_bytes_);
  if (fd_ >= 0) close(fd_);
}

bool Ring::Map(const io_uring_params& params) {
  // Before 5.4 the two queues were mapped apart; what we need came later anyway.
  if ((params.features & IORING_FEAT_SINGLE_MMAP) == 0) {
    errno = ENOSYS;
    return false;
  }
  const size_t sq_bytes = params.sq_off.array + params.sq_entries * sizeof(unsigned);
  const size_t cq_bytes = params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe);
  ring_bytes_ = std::max(sq_bytes, cq_bytes);
  sqes_bytes_ = params.sq_entries * sizeof(io_uring_sqe);
  constexpr int kProtection = PROT_READ | PROT_WRITE;
  constexpr int kFlags = MAP_SHARED | MAP_POPULATE;
  void* memory = mmap(nullptr, ring_bytes_, kProtection, kFlags, fd_, IORING_OFF_SQ_RING);
  if (memory == MAP_FAILED) return false;
  ring_memory_ = memory;
  memory = mmap(nullptr, sqes_bytes_, kProtection, kFlags, fd_, IORING_OFF_SQES);
  if (memory == MAP_FAILED) return false;
  sqes_ = static_cast<io_uring_sqe*>(memory);

  sq_head_ = At<unsigned>(ring_memory_, params.sq_off.head);
  sq_tail_ = At<unsigned>(ring_memory_, params.sq_off.tail);
  sq_flags_ = At<unsigned>(ring_memory_, params.sq_off.flags);
  sq_entries_ = params.sq_entries;
  sq_mask_ = sq_entries_ - 1;
  auto* array = At<unsigned>(ring_memory_, params.sq_off.array);
  for (unsigned index = 0; index < sq_entries_; index++) array[index] = index;
  cq_head_ = At<unsigned>(ring_memory_, params.cq_off.head);
  cq_tail_ = At<unsigned>(ring_memory_, params.cq_off.tail);
  cq_mask_ = params.cq_entries - 1;
  cqes_ = At<io_uring_cqe>(ring_memory_, params.cq_off.cqes);
  return true;
}

bool Ring::Probe() const {
  constexpr unsigned kNeeded[] = {IORING_OP_READ, IORING_OP_WRITE, IORING_OP_FSYNC,
                                  IORING_OP_FALLOCATE, IORING_OP_ASYNC_CANCEL};
  const size_t bytes = sizeof(io_uring_probe) + kProbeOps * sizeof(io_uring_probe_op);
  auto* probe = static_cast<io_uring_probe*>(std::calloc(1, bytes));
  if (probe == nullptr) return false;
  const bool known = Register(fd_, IORING_REGISTER_PROBE, probe, kProbeOps) >= 0;
  const bool takes_all = known && std::all_of(std::begin(kNeeded), std::end(kNeeded), [&](unsigned op) {
    return op <= probe->last_op && (probe->ops[op].flags & IO_URING_OP_SUPPORTED) != 0;
  });
  std::free(probe);
  return takes_all;
}

io_uring_sqe* Ring::NextSqe() {
  auto full = [&] {
    return local_tail_ - __atomic_load_n(sq_head_, __ATOMIC_ACQUIRE) >= sq_entries_;
  };
  if (full()) {
    Enter();
    if (full()) return nullptr;
  }
  io_uring_sqe* sqe = &sqes_[local_tail_ & sq_mask_];
  std::memset(sqe, 0, sizeof *sqe);
  local_tail_++;
  return sqe;
}

bool Ring::Queue(const Entry& entry) {
  io_uring_sqe* sqe = NextSqe();
  if (sqe == nullptr) return false;
  sqe->fd = entry.fd;
  sqe->off = entry.offset + entry.done;
  sqe->user_data = UserData(entry);
  const uint64_t length = entry.length - entry.done;
  switch (entry.op) {
    case Op::kWriteDurable:
      sqe->rw_flags = RWF_DSYNC;
      [[fallthrough]];
    case Op::kRead:
    case Op::kWrite:
      sqe->opcode = entry.op == Op::kRead ? IORING_OP_READ : IORING_OP_WRITE;
      sqe->addr = reinterpret_cast<uint64_t>(entry.memory + entry.done);
      sqe->len = static_cast<uint32_t>(std::min(length, kTransferBytesMax));
      break;
    case Op::kSync:
      sqe->opcode = IORING_OP_FSYNC;
      sqe->off = 0;
      sqe->fsync_flags = IORING_FSYNC_DATASYNC;
      break;
    case Op::kPunchHole:
    case Op::kZeroRange:
      // the kernel takes the mode in `len` and the length in `addr`
      sqe->opcode = IORING_OP_FALLOCATE;
      sqe->addr = length;
      sqe->len = FALLOC_FL_KEEP_SIZE |
                 (entry.op == Op::kPunchHole ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
      break;
    case Op::kDiscard:
      sqe->opcode = IORING_OP_NOP;
      break;
  }
  return true;
}

bool Ring::QueueCancel(const Entry& entry) {
  io_uring_sqe* sqe = NextSqe();
  if (sqe == nullptr) return false;
  sqe->opcode = IORING_OP_ASYNC_CANCEL;
  sqe->fd = -1;
  sqe->addr = UserData(entry);
  sqe->user_data = kIgnored;
  return true;
}

bool Ring::Enter() {
  __atomic_store_n(sq_tail_, local_tail_, __ATOMIC_RELEASE);
  for (;;) {
    const unsigned pending = local_tail_ - __atomic_load_n(sq_head_, __ATOMIC_ACQUIRE);
    const bool overflown =
        (__atomic_load_n(sq_flags_, __ATOMIC_ACQUIRE) & IORING_SQ_CQ_OVERFLOW) != 0;
    if (pending == 0 && !overflown) return true;
    if (EnterCall(fd_, pending, overflown ? IORING_ENTER_GETEVENTS : 0) < 0) {
      if (errno == EINTR) continue;
      // EAGAIN, EBUSY: no memory or too many completions unread; both pass
      return false;
    }
    if (overflown) return pending == 0;
  }
}

}  // namespace hawser
