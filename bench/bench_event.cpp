#include "bench/bench_event.h"

#include <array>
#include <charconv>
#include <cstdio>

namespace modhost::bench {
namespace {

constexpr std::string_view kMarkerHead = "bench-";
constexpr std::size_t kDigits = 16;  // of each of the marker's two numbers, in hex
constexpr std::size_t kMarkerBytes = kMarkerHead.size() + kDigits + 1 + kDigits;

std::string hexDigits(std::uint64_t number) {
  std::array<char, kDigits + 1> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
  return text.data();
}

std::optional<std::uint64_t> number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

// Chats and users vary, as they do for a real host; the text is as long as a question is.
std::string userMessageBody(std::uint64_t number) {
  const std::string id = hexDigits(number);
  return R"({"id":"evt_user_)" + id +
         R"(","version":"1.0.0","event":"unique.chat.user-message.created",)"
         R"("createdAt":"1767225600","userId":"user_)" +
         hexDigits(number % 1'000) + R"(","companyId":"company_)" + hexDigits(number % 10) +
         R"(","payload":{"chatId":"chat_)" + hexDigits(number / 4) +
         R"(","assistantId":"assistant_bb22","text":"Which fees apply to the mandate of my )"
         R"(client, and since when? Please name the document and its page. Ref )" +
         id + R"("}})";
}

std::string markerText(const Marker& marker) {
  const auto posted_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(marker.posted_at.time_since_epoch());
  return std::string(kMarkerHead) + hexDigits(marker.number) + "-" +
         hexDigits(static_cast<std::uint64_t>(posted_ns.count()));
}

std::optional<Marker> findMarker(std::string_view text) {
  const std::size_t at = text.find(kMarkerHead);
  if (at == std::string_view::npos || text.size() - at < kMarkerBytes) return std::nullopt;
  const std::string_view digits = text.substr(at + kMarkerHead.size());
  const auto which = number(digits.substr(0, kDigits));
  const auto posted_ns = number(digits.substr(kDigits + 1, kDigits));
  if (!which || !posted_ns) return std::nullopt;
  return Marker{*which, SteadyTime(std::chrono::nanoseconds(*posted_ns))};
}

std::string chosenBody(const Marker& marker) {
  const std::string text = markerText(marker);
  const std::string question = "Which fees apply to the mandate " + text + ", and since when?";
  return R"({"id":"evt_)" + text +
         R"(","version":"1.0.0","event":"unique.chat.external-module.chosen",)"
         R"("createdAt":1767225601,"userId":"101","companyId":"company_)" +
         std::to_string(marker.number % 10) +
         R"(","payload":{"name":"rag.responder","description":"Answers from the knowledge base",)"
         R"("configuration":{},"chatId":"chat_)" +
         text + R"(","assistantId":"assistant_bb22","userMessage":{"id":"msg_u_)" + text +
         R"(","text":")" + question + R"(","originalText":")" + question +
         R"(","createdAt":"2026-01-01T00:00:00.000Z","language":"en"},)"
         R"("assistantMessage":{"id":"msg_a_)" +
         text + R"(","createdAt":"2026-01-01T00:00:00.500Z"}}})";
}

std::string webhookRequest(const host::HmacKey& key, std::string_view body,
                           std::int64_t created_at) {
  return "POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
         "X-Unique-Signature: " +
         host::hex(key.sign(body)) + "\r\nX-Unique-Created-At: " + std::to_string(created_at) +
         "\r\nX-Unique-Version: 1.0.0\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

}  // namespace modhost::bench
