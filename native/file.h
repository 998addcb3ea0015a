// Opening, locking and asking about files and block devices.
#ifndef HAWSER_NATIVE_FILE_H_
#define HAWSER_NATIVE_FILE_H_

#include <napi.h>

namespace hawser {

// openFile(path, flags) → facts; throws an Error with errno. EBUSY or EAGAIN: somebody else holds it.
Napi::Value OpenFile(const Napi::CallbackInfo& info);
// fileSize(fd) → bytes
Napi::Value FileSize(const Napi::CallbackInfo& info);
// preallocate(fd, bytes) → Promise<void>: sets the size and gives it storage
Napi::Value Preallocate(const Napi::CallbackInfo& info);
// dataRanges(fd, offset, length, limit) → Promise<Float64Array> of start, end pairs
Napi::Value DataRanges(const Napi::CallbackInfo& info);
// closeFile(fd) → Promise<void>
Napi::Value CloseFile(const Napi::CallbackInfo& info);

}  // namespace hawser

#endif  // HAWSER_NATIVE_FILE_H_
