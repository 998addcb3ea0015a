#include "engine_core.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace hawser {

namespace {

// An entry that the kernel keeps answering with EAGAIN is an error in the end.
constexpr uint32_t kRetriesMax = 1000;
// How long the end of the process waits for entries in flight.
constexpr int kAwaitRounds = 100;
constexpr int kAwaitRoundMs = 10;
constexpr double kSafeIntegerMax = 9007199254740991.0;

bool IsOffset(double value) { return value >= 0 && value <= kSafeIntegerMax; }

}  // namespace

EngineCore::EngineCore(Options options) : options_(std::move(options)) {}

EngineCore* EngineCore::Create(uv_loop_t* loop, Options options, int* error) {
  std::unique_ptr<Ring> ring;
  if (options.use_ring) {
    ring = Ring::Create(options.depth, error);
    if (ring == nullptr) return nullptr;
  }
  auto* core = new EngineCore(std::move(options));
  core->ring_ = std::move(ring);
  core->async_.data = core;
  uv_async_init(loop, &core->async_, [](uv_async_t* handle) {
    static_cast<EngineCore*>(handle->data)->Deliver();
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(&core->async_));
  core->open_handles_ = 1;
  if (core->ring_ != nullptr) {
    core->poll_.data = core;
    uv_poll_init(loop, &core->poll_, core->ring_->fd());
    uv_poll_start(&core->poll_, UV_READABLE, [](uv_poll_t* handle, int, int) {
      static_cast<EngineCore*>(handle->data)->Deliver();
    });
    uv_unref(reinterpret_cast<uv_handle_t*>(&core->poll_));
    core->open_handles_++;
  }
  return core;
}

WorkerPool& EngineCore::Pool() {
  if (pool_ == nullptr) {
    pool_ = std::make_unique<WorkerPool>(options_.threads, [this] { uv_async_send(&async_); });
  }
  return *pool_;
}

bool EngineCore::Submit(uint32_t count) {
  if (closing_ || count > options_.arrays.batch_entries) return false;
  bool good = true;
  for (uint32_t index = 0; index < count && good; index++) good = Accept(index);
  Pump();
  UpdateReference();
  return good;
}

bool EngineCore::Accept(uint32_t index) {
  const int32_t* words = options_.arrays.words + index * kWordsPerEntry;
  const double* numbers = options_.arrays.numbers + index * kNumbersPerEntry;
  const auto token = static_cast<uint32_t>(words[0]);
  // a token is an index: JavaScript gives them out densely
  if (token > entries_.size() || words[1] < 0 || words[1] > kOpLast) return false;
  if (!IsOffset(numbers[0]) || !IsOffset(numbers[1]) || !IsOffset(numbers[2])) return false;
  if (token == entries_.size()) {
    entries_.emplace_back();
    busy_.push_back(false);
  }
  if (busy_[token]) return false;

  Entry& entry = entries_[token];
  const uint32_t generation = entry.generation + 1;
  entry = Entry();
  entry.token = token;
  entry.generation = generation;
  entry.op = static_cast<Op>(words[1]);
  entry.fd = words[2];
  entry.length = static_cast<uint64_t>(numbers[1]);
  entry.offset = static_cast<uint64_t>(numbers[2]);
  busy_[token] = true;
  in_flight_++;
  if (entry.op <= Op::kWriteDurable) {
    const auto start = static_cast<uint64_t>(numbers[0]);
    Slab* slab = words[3] < 0 ? nullptr : options_.slabs->Find(static_cast<uint32_t>(words[3]));
    if (slab == nullptr || start > slab->bytes || entry.length > slab->bytes - start) {
      Finish(entry, -EFAULT);
      WakeLater();
      return true;
    }
    entry.slab = slab;
    entry.memory = slab->memory + start;
    SlabRegistry::Retain(slab);
  }
  waiting_.push_back(&entry);
  return true;
}

void EngineCore::Pump() {
  bool queued = must_enter_;
  while (!waiting_.empty() && started_ < options_.depth) {
    Entry& entry = *waiting_.front();
    if (!Start(entry)) {
      must_enter_ = true;
      WakeLater();
      break;
    }
    waiting_.pop_front();
    started_++;
    queued = true;
  }
  if (!for_pool_.empty()) {
    Pool().Push(for_pool_.data(), for_pool_.size());
    for_pool_.clear();
  }
  if (ring_ != nullptr && queued) {
    must_enter_ = !ring_->Enter();
    if (must_enter_) WakeLater();
  }
}

bool EngineCore::Start(Entry& entry) {
  if (ring_ != nullptr && Ring::Takes(entry.op)) return ring_->Queue(entry);
  for_pool_.push_back(&entry);
  return true;
}

void EngineCore::Cancel(uint32_t token) {
  if (token >= entries_.size() || !busy_[token] || entries_[token].cancel_asked) return;
  Entry& entry = entries_[token];
  entry.cancel_asked = true;
  const auto waiting = std::find(waiting_.begin(), waiting_.end(), &entry);
  if (waiting != waiting_.end()) {
    waiting_.erase(waiting);
    Finish(entry, entry.done > 0 ? -EIO : -ECANCELED);
    WakeLater();
  } else if (pool_ != nullptr && pool_->Remove(&entry)) {
    started_--;
    Finish(entry, -ECANCELED);
    WakeLater();
  } else if (ring_ != nullptr && Ring::Takes(entry.op) && ring_->QueueCancel(entry)) {
    must_enter_ = !ring_->Enter();
    if (must_enter_) WakeLater();
  }
}

void EngineCore::OnRingResult(uint64_t user_data, int32_t result) {
  if (user_data == Ring::kIgnored) return;
  Entry& entry = entries_[static_cast<uint32_t>(user_data)];
  started_--;
  OnKernelDone(entry, result);
}

void EngineCore::OnKernelDone(Entry& entry, int32_t result) {
  const bool transfer = entry.op <= Op::kWriteDurable;
  if (result == -EAGAIN || result == -EINTR) {
    // a write that was interrupted on request may have begun
    const bool may_retry = !entry.cancel_asked && entry.retries++ < kRetriesMax;
    if (!may_retry) return Finish(entry, entry.op == Op::kRead ? -ECANCELED : -EIO);
    waiting_.push_front(&entry);
    return;
  }
  if (result < 0) return Finish(entry, TransferError(entry, result));
  if (!transfer) return Finish(entry, 0);
  entry.done += static_cast<uint64_t>(result);
  if (entry.done == entry.length) return Finish(entry, 0);
  // The file ends inside the range: somebody cut it behind our back.
  if (result == 0) return Finish(entry, -EIO);
  waiting_.push_front(&entry);
}

void EngineCore::Finish(Entry& entry, int32_t result) {
  entry.result = result;
  if (entry.slab != nullptr) {
    options_.slabs->Release(entry.slab);
    entry.slab = nullptr;
  }
  ended_.push_back(&entry);
}

void EngineCore::TakeFromPool() {
  if (pool_ == nullptr) return;
  pool_->TakeFinished(from_pool_);
  for (Entry* entry : from_pool_) {
    started_--;
    Finish(*entry, entry->result);
  }
  from_pool_.clear();
}

void EngineCore::Deliver() {
  if (closing_) return;
  if (ring_ != nullptr) {
    ring_->Reap(options_.arrays.completion_entries,
                [this](uint64_t user_data, int32_t result) { OnRingResult(user_data, result); });
  }
  TakeFromPool();
  // what has waited goes before JavaScript takes its time over the completions
  if (must_enter_ || !waiting_.empty()) Pump();

  uint32_t count = 0;
  while (!ended_.empty() && count < options_.arrays.completion_entries) {
    const Entry& entry = *ended_.front();
    ended_.pop_front();
    options_.arrays.completions[count * kWordsPerCompletion] = static_cast<int32_t>(entry.token);
    options_.arrays.completions[count * kWordsPerCompletion + 1] = entry.result;
    busy_[entry.token] = false;
    in_flight_--;
    count++;
  }
  if (!ended_.empty()) WakeLater();
  if (count > 0) options_.deliver(count);
  if (!closing_) UpdateReference();
}

void EngineCore::UpdateReference() {
  const bool wanted = in_flight_ > 0;
  if (wanted == referenced_) return;
  referenced_ = wanted;
  auto* handle = reinterpret_cast<uv_handle_t*>(&async_);
  wanted ? uv_ref(handle) : uv_unref(handle);
}

void EngineCore::AwaitRing() {
  for (const auto& entry : entries_) {
    if (busy_[entry.token]) ring_->QueueCancel(entry);
  }
  ring_->Enter();
  for (int round = 0; started_ > 0 && round < kAwaitRounds; round++) {
    pollfd ready = {ring_->fd(), POLLIN, 0};
    poll(&ready, 1, kAwaitRoundMs);
    ring_->Reap(UINT32_MAX, [this](uint64_t user_data, int32_t) {
      if (user_data == Ring::kIgnored) return;
      Entry& entry = entries_[static_cast<uint32_t>(user_data)];
      started_--;
      if (entry.slab != nullptr) options_.slabs->Release(entry.slab);
      entry.slab = nullptr;
    });
  }
}

void EngineCore::Close(std::function<void()> done) {
  if (closing_) return;
  closing_ = true;
  on_closed_ = std::move(done);
  if (pool_ != nullptr) {
    const bool only_ring = ring_ != nullptr;
    pool_->Stop();
    pool_->TakeFinished(from_pool_);
    if (only_ring) started_ -= static_cast<uint32_t>(std::min<size_t>(started_, from_pool_.size()));
  }
  if (ring_ != nullptr && started_ > 0) AwaitRing();
  auto closed = [](uv_handle_t* handle) {
    auto* core = static_cast<EngineCore*>(handle->data);
    if (--core->open_handles_ > 0) return;
    const auto tell = std::move(core->on_closed_);
    delete core;
    tell();
  };
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), closed);
  if (ring_ != nullptr) {
    uv_poll_stop(&poll_);
    uv_close(reinterpret_cast<uv_handle_t*>(&poll_), closed);
  }
}

}  // namespace hawser
