#include "tests/support/weather.h"

#include <utility>

namespace modhost::host {
namespace {

using Cut = CallScript::Cut;

CallScript refusal(int status) {
  CallScript script;
  script.status = status;
  script.body = R"({"error":"the weather"})";
  return script;
}

}  // namespace

const Odds& dayNumber(int number) {
  static const Odds kCalm = {.name = "calm"};
  static const Odds kShowers = {.name = "showers",
                                .cut_before_reading = 15,
                                .cut_after_handling = 15,
                                .cut_mid_reply = 15,
                                .unavailable = 20,
                                .gateway = 10,
                                .too_many = 5,
                                .slow = 50};
  static const Odds kCuts = {
      .name = "cuts", .cut_before_reading = 60, .cut_after_handling = 60, .cut_mid_reply = 60};
  static const Odds kOutage = {
      .name = "outage", .cut_before_reading = 100, .unavailable = 600, .gateway = 100};
  static const Odds kCrowds = {.name = "crowds", .unavailable = 50, .too_many = 100, .slow = 50};
  static const Odds kFog = {
      .name = "fog", .cut_after_handling = 20, .slow = 400, .slow_max = Milliseconds(600)};
  static const Odds* const kAll[kDays] = {&kCalm,    &kShowers, &kCuts, &kFog,    &kOutage,
                                          &kShowers, &kCrowds,  &kCuts, &kShowers};
  return *kAll[number];
}

void Weather::change(const Odds& odds) {
  MutexLock lock(mutex_);
  odds_ = odds;
}

int Weather::below(int limit) {
  return static_cast<int>(random_() % static_cast<std::uint64_t>(limit));
}

CallScript Weather::of(const RecordedCall& call) {
  MutexLock lock(mutex_);
  int left = below(1000);
  const auto falls = [&left](int share) {
    left -= share;
    return left < 0 && left >= -share;
  };
  CallScript script;
  if (falls(odds_.cut_before_reading)) {
    script.cut = Cut::kBeforeReading;
  } else if (falls(odds_.cut_after_handling)) {
    script.cut = Cut::kAfterHandling;
  } else if (falls(odds_.cut_mid_reply)) {
    script.cut = Cut::kMidReply;
  } else if (falls(odds_.unavailable)) {
    script = refusal(503);
  } else if (falls(odds_.gateway)) {
    script = refusal(call.method == "PATCH" ? 504 : 502);
    script.handled = call.method == "PATCH";
  } else if (falls(odds_.too_many)) {
    script = refusal(429);
    script.headers = {{"Retry-After", std::to_string(below(2))}};
  } else if (falls(odds_.slow)) {
    script.latency = Milliseconds(below(static_cast<int>(odds_.slow_max.count())));
  }
  return script;
}

}  // namespace modhost::host
