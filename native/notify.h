// Telling the service manager how we are (sd_notify(3) without its library), and handing on descriptors.
#ifndef HAWSER_NATIVE_NOTIFY_H_
#define HAWSER_NATIVE_NOTIFY_H_

#include <napi.h>

namespace hawser {

// notify(socketPath, message): throws an Error with errno. A path that begins with '@' is abstract.
Napi::Value Notify(const Napi::CallbackInfo& info);
// duplicate(fd) → fd, close-on-exec
Napi::Value Duplicate(const Napi::CallbackInfo& info);

}  // namespace hawser

#endif  // HAWSER_NATIVE_NOTIFY_H_
