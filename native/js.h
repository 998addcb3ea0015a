// Small helpers for talking to JavaScript without C++ exceptions.
#ifndef HAWSER_NATIVE_JS_H_
#define HAWSER_NATIVE_JS_H_

#include <napi.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace hawser {

inline Napi::Value Throw(Napi::Env env, const std::string& message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

// An Error with `errno` as a negative number, as libuv and node:fs have it.
inline Napi::Error ErrnoError(Napi::Env env, int code, const std::string& what) {
  auto error = Napi::Error::New(env, what + ": " + std::strerror(code));
  error.Set("errno", Napi::Number::New(env, -code));
  return error;
}

inline Napi::Value ThrowErrno(Napi::Env env, int code, const std::string& what) {
  ErrnoError(env, code, what).ThrowAsJavaScriptException();
  return env.Undefined();
}

}  // namespace hawser

#endif  // HAWSER_NATIVE_JS_H_
