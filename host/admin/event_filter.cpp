#include "host/admin/event_filter.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "host/base/time_text.h"

namespace modhost::host {
namespace {

constexpr std::array kStates = {DeliveryState::kWaiting, DeliveryState::kRunning,
                                DeliveryState::kClosing, DeliveryState::kDead};
constexpr std::array kEnds = {End::kOk,      End::kSkipped,     End::kRejected,      End::kFailed,
                              End::kOverran, End::kInterrupted, End::kNotConfigured, End::kExpired,
                              End::kStopped};

// What a stranger sent, short enough for an error's line.
std::string quoted(const std::string& text) {
  constexpr std::size_t kShownMax = 60;
  return '"' + text.substr(0, kShownMax) + (text.size() > kShownMax ? "…\"" : "\"");
}

Error refused(const std::string& name, const std::string& found, const std::string& accepted) {
  return {ErrorKind::kInvalid, name + " is " + quoted(found) + "; accepted: " + accepted};
}

template <typename Values, typename Word>
std::string wordsOf(const Values& values, Word word) {
  std::string words;
  for (const auto& value : values) words += (words.empty() ? "" : ", ") + std::string(word(value));
  return words;
}

template <typename Values, typename Word, typename Value>
Result<void> readWord(const std::string& name, const std::string& text, const Values& values,
                      Word word, std::optional<Value>& into) {
  const auto found = std::find_if(values.begin(), values.end(),
                                  [&](const auto value) { return word(value) == text; });
  if (found == values.end()) return refused(name, text, wordsOf(values, word));
  into = *found;
  return {};
}

std::optional<std::int64_t> wholeNumber(const std::string& text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

// An age reaches at most to the beginning of time.
Result<void> readAge(const std::string& name, const std::string& text, WallTime now,
                     std::optional<WallTime>& into) {
  const std::optional<Milliseconds> age = durationFrom(text);
  if (!age) return refused(name, text, "a duration such as 90s, 15m, 2h or 7d");
  into = now - std::min(*age, Milliseconds(now.time_since_epoch()));
  return {};
}

Result<void> readOrder(const std::string& text, EventQuery& query) {
  if (text != "newest" && text != "oldest") return refused("order", text, "newest, oldest");
  query.oldest_first = text == "oldest";
  return {};
}

Result<void> readLimit(const std::string& text, EventQuery& query) {
  const std::optional<std::int64_t> limit = wholeNumber(text);
  if (!limit || *limit < 1 || *limit > kPageEventsMax) {
    return refused("limit", text, "a whole number from 1 to " + std::to_string(kPageEventsMax));
  }
  query.max = static_cast<std::size_t>(*limit);
  return {};
}

Result<void> readCursor(const std::string& text, EventQuery& query) {
  const std::optional<std::int64_t> cursor = wholeNumber(text);
  if (!cursor || *cursor < 1) return refused("cursor", text, "the `next` of the page before");
  query.after = *cursor;
  return {};
}

Result<void> readModule(const std::string& text, EventQuery& query) {
  if (text.empty()) return refused("module", text, "a module's id, (parked) or (unrouted)");
  query.target = text;
  return {};
}

Result<void> readOne(const std::string& name, const std::string& text, WallTime now,
                     EventQuery& query) {
  if (name == "state") return readWord(name, text, kStates, stateWord, query.state);
  if (name == "end") return readWord(name, text, kEnds, endWord, query.end);
  if (name == "module") return readModule(text, query);
  if (name == "older_than") return readAge(name, text, now, query.received_until);
  if (name == "newer_than") return readAge(name, text, now, query.received_from);
  if (name == "order") return readOrder(text, query);
  if (name == "limit") return readLimit(text, query);
  return readCursor(text, query);
}

}  // namespace

Result<EventQuery> eventQuery(const std::map<std::string, std::string>& words,
                              const std::vector<std::string>& accepted, WallTime now) {
  EventQuery query;
  query.max = kPageEventsDefault;
  for (const auto& [name, text] : words) {
    if (std::find(accepted.begin(), accepted.end(), name) == accepted.end()) {
      return Error{ErrorKind::kInvalid,
                   "unknown name " + quoted(name) + "; accepted: " +
                       wordsOf(accepted, [](const std::string& one) { return one; })};
    }
    if (Result<void> read = readOne(name, text, now, query); !read) return read.takeError();
  }
  return query;
}

}  // namespace modhost::host
