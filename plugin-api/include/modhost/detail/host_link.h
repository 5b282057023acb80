// HostLink: the host's function table, as C++.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "modhost/abi.h"
#include "modhost/detail/abi_views.h"
#include "modhost/outcome.h"

namespace modhost::detail {

// How a platform call ended: `error` is MODHOST_CALL_…, and 0 when there is a reply.
struct CallEnd {
  std::int32_t error = MODHOST_CALL_OK;
  std::int32_t http_status = 0;
  std::string body;
};

// Makes the asynchronous call() of the ABI a blocking one. It lives on the caller's stack: the host
// runs reply() exactly once for each call, so await() cannot return before the other thread is done
// with it.
class PendingCall {
 public:
  static void reply(void* user, const modhost_reply* reply) noexcept {
    static_cast<PendingCall*>(user)->settle(reply);
  }

  CallEnd await() {
    std::unique_lock<std::mutex> lock(mutex_);
    settled_.wait(lock, [this] { return is_settled_; });
    return std::move(end_);
  }

 private:
  void settle(const modhost_reply* reply) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    try {
      const modhost_reply theirs = adopt(reply);
      end_ = {theirs.error, theirs.http_status, std::string(textOf(theirs.body))};
    } catch (...) {  // no memory for the body
      end_ = {MODHOST_CALL_UNAVAILABLE, 0, {}};
    }
    is_settled_ = true;
    // Under the lock: once the waiter sees is_settled_, it destroys the condition variable.
    settled_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable settled_;
  bool is_settled_ = false;
  CallEnd end_;
};

// Valid from create() to destroy(). Threads: any.
class HostLink {
 public:
  explicit HostLink(const modhost_host* host) : host_(adopt(host)) {}

  // Why this host cannot run this module; nullptr when it can.
  const char* fault() const {
    if (host_.abi_major != MODHOST_ABI_MAJOR)
      return "the host speaks another major version of the module ABI";
    if (!host_.log || !host_.call || !host_.cancelled || !host_.complete) {
      return "the host lacks a function that this module needs";
    }
    return nullptr;
  }

  void log(const modhost_attempt* attempt, std::int32_t level, std::string_view message,
           std::string_view fields) const noexcept {
    host_.log(host_.host, attempt, level, viewOf(message), viewOf(fields));
  }

  void metric(std::int32_t kind, std::string_view name, double value) const noexcept {
    if (host_.metric) host_.metric(host_.host, kind, viewOf(name), value);
  }

  CallEnd call(modhost_attempt* attempt, std::string_view method, std::string_view path,
               std::string_view body) const {
    const modhost_request request = {sizeof(modhost_request), 0, viewOf(method), viewOf(path),
                                     viewOf(body)};
    PendingCall pending;
    host_.call(host_.host, attempt, &request, &PendingCall::reply, &pending);
    return pending.await();
  }

  bool cancelled(const modhost_attempt* attempt) const noexcept {
    return host_.cancelled(host_.host, attempt) != 0;
  }

  void complete(modhost_attempt* attempt, const Outcome& outcome) const noexcept {
    const modhost_outcome end = {sizeof(modhost_outcome), static_cast<std::int32_t>(outcome.kind()),
                                 outcome.retryAfter().count(), viewOf(outcome.text())};
    host_.complete(host_.host, attempt, &end);
  }

 private:
  const modhost_host host_;
};

}  // namespace modhost::detail
