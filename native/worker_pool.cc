#include "worker_pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <utility>

namespace hawser {

WorkerPool::WorkerPool(unsigned threads, std::function<void()> wake)
    : wake_(std::move(wake)), thread_count_(std::max(1u, threads)) {}

WorkerPool::~WorkerPool() { Stop(); }

void WorkerPool::Push(Entry* const* entries, size_t count) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.insert(queue_.end(), entries, entries + count);
    // Threads come when there is work that no idle one can take.
    while (threads_.size() < thread_count_ && idle_ < queue_.size()) {
      threads_.emplace_back([this] { Work(); });
      idle_++;
    }
  }
  if (count == 1) {
    changed_.notify_one();
  } else {
    changed_.notify_all();
  }
}

bool WorkerPool::Remove(Entry* entry) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = std::find(queue_.begin(), queue_.end(), entry);
  if (found == queue_.end()) return false;
  queue_.erase(found);
  return true;
}

void WorkerPool::TakeFinished(std::vector<Entry*>& into) {
  std::lock_guard<std::mutex> lock(mutex_);
  into.insert(into.end(), finished_.begin(), finished_.end());
  finished_.clear();
}

void WorkerPool::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void WorkerPool::Work() {
  // Signals are the event loop's business.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  std::unique_lock<std::mutex> lock(mutex_);
  // The thread was counted as idle when it was made.
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    idle_--;
    Entry* entry = queue_.front();
    queue_.pop_front();
    lock.unlock();
    entry->result = Perform(*entry);
    lock.lock();
    idle_++;
    finished_.push_back(entry);
    if (finished_.size() == 1 && !stopping_) wake_();
  }
}

}  // namespace hawser
