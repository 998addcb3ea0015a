// Threads that perform entries with blocking calls, and one wake of the event loop for many completions.
#ifndef HAWSER_NATIVE_WORKER_POOL_H_
#define HAWSER_NATIVE_WORKER_POOL_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "entry.h"

namespace hawser {

class WorkerPool {
 public:
  // `wake` is called from a worker when the first of a batch of completions is ready.
  WorkerPool(unsigned threads, std::function<void()> wake);
  // Stops.
  ~WorkerPool();

  void Push(Entry* const* entries, size_t count);
  // True: the entry had not been started and is the caller's again.
  bool Remove(Entry* entry);
  // Appends what has been performed; Entry::result is set.
  void TakeFinished(std::vector<Entry*>& into);
  // Drops what has not been started and joins the threads, which end what they are in.
  void Stop();

 private:
  void Work();

  const std::function<void()> wake_;
  const unsigned thread_count_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry*> queue_;
  std::vector<Entry*> finished_;
  std::vector<std::thread> threads_;
  unsigned idle_ = 0;
  bool stopping_ = false;
};

}  // namespace hawser

#endif  // HAWSER_NATIVE_WORKER_POOL_H_
