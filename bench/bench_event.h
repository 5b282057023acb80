// The events that the benchmarks send, and the requests that carry them.
//
// A conversation's marker stands in its event's id, its user's text and its assistant message's id,
// so that every call a module makes for it carries the marker too, in path or body. It holds the
// moment of posting, so that load_platform can tell how long an answer took without being told.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "host/base/crypto.h"

namespace modhost::bench {

using SteadyTime = std::chrono::steady_clock::time_point;

// The secret of every benchmark, unless it is given.
inline constexpr char kBenchSecret[] = "whsec_bench_secret";
// What load_platform's completion says; an answer with other words is an apology.
inline constexpr char kBenchAnswer[] = "This is the answer.";

// A user-message event; its length does not depend on `number`.
std::string userMessageBody(std::uint64_t number);

struct Marker {
  std::uint64_t number = 0;
  SteadyTime posted_at{};
};
std::string markerText(const Marker& marker);
// The first marker in `text`.
std::optional<Marker> findMarker(std::string_view text);

// An external-module-chosen event of the conversation.
std::string chosenBody(const Marker& marker);

// The bytes of one keep-alive POST /webhook with its signature. `created_at` is in Unix seconds.
std::string webhookRequest(const host::HmacKey& key, std::string_view body,
                           std::int64_t created_at);

}  // namespace modhost::bench
