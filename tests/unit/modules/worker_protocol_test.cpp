#include "host/modules/worker_protocol.h"

#include <doctest/doctest.h>

#include <random>

#include "host/modules/config_schema.h"
#include "host/modules/library.h"

using namespace modhost::host;

namespace {

std::vector<Frame> framesIn(FrameDecoder& decoder) {
  std::vector<Frame> frames;
  for (;;) {
    Result<std::optional<Frame>> frame = decoder.next();
    if (!frame.ok() || !frame.value()) return frames;
    frames.push_back(*frame.value());
  }
}

EventFrame sampleEvent() {
  EventFrame event;
  event.number = 2;
  event.deadline_ns = 123456789;
  event.event.id = "evt_1";
  event.event.type = "test.event";
  event.event.user_id = "u";
  event.event.company_id = "c";
  event.event.chat_id = "chat";
  event.event.assistant_message_id = "msg";
  event.event.body = std::string("{\"a\":\0}", 7);
  event.event.received_at = WallTime(Milliseconds(42));
  return event;
}

// Every payload decoder at once; only their not crashing is of interest.
void decodeAll(std::string_view bytes) {
  (void)decodeStart(bytes);
  (void)decodeConfig(bytes);
  (void)decodeEvent(bytes);
  (void)decodeReply(bytes);
  (void)decodeHello(bytes);
  (void)decodeResult(bytes);
  (void)decodeCall(bytes);
  (void)decodeLog(bytes);
  (void)decodeMetric(bytes);
  (void)decodeGrace(bytes);
}

}  // namespace

TEST_SUITE("worker_protocol") {
  TEST_CASE("worker_protocol: frames come out as they went in however the bytes arrive") {
    std::string stream;
    for (std::uint64_t id = 0; id < 20; ++id) {
      stream += encodeFrame({FrameType::kCall, id, std::string(id * 7, 'x')});
    }
    for (const std::size_t step :
         {std::size_t{1}, std::size_t{5}, std::size_t{64}, stream.size()}) {
      FrameDecoder decoder(1024);
      std::vector<Frame> frames;
      for (std::size_t at = 0; at < stream.size(); at += step) {
        decoder.feed(std::string_view(stream).substr(at, step));
        for (Frame& frame : framesIn(decoder)) frames.push_back(std::move(frame));
      }

      REQUIRE(frames.size() == 20);
      CHECK(frames[19].id == 19);
      CHECK(frames[19].payload == std::string(19 * 7, 'x'));
    }
  }

  TEST_CASE(
      "worker_protocol: a frame over the maximum or of unknown type breaks the stream for good") {
    for (const std::string& bad :
         {encodeFrame({FrameType::kCall, 1, std::string(2000, 'x')}).substr(0, 4),
          std::string(4, '\0'), std::string(4, '\xff'),
          encodeFrame({static_cast<FrameType>(99), 1, ""}),
          encodeFrame({static_cast<FrameType>(0), 1, ""})}) {
      FrameDecoder decoder(1024);
      decoder.feed(bad);
      CHECK_FALSE(decoder.next().ok());
      decoder.feed(encodeFrame({FrameType::kBye, 0, ""}));
      CHECK_FALSE(decoder.next().ok());
    }
  }

  TEST_CASE("worker_protocol: every payload comes back as it was") {
    const auto event = decodeEvent(encode(sampleEvent()));
    REQUIRE(event);
    CHECK(event->event.body == sampleEvent().event.body);
    CHECK(event->event.assistant_message_id == "msg");
    CHECK(event->event.received_at == WallTime(Milliseconds(42)));
    CHECK(event->deadline_ns == 123456789);
    CHECK(event->number == 2);

    const auto start =
        decodeStart(encode(StartFrame{kWorkerProtocolVersion, "/a", "a", 7, 8, 1LL << 40}));
    REQUIRE(start);
    CHECK(start->source == "a");
    CHECK(start->files_max == 7);
    CHECK(start->frame_max_bytes == 8);
    CHECK(start->memory_max_bytes == 1LL << 40);
    CHECK(decodeConfig(encode(ConfigFrame{"{}", 3}))->concurrency == 3);

    HelloFrame hello;
    hello.description = {"m1", "1",   "about", "{}", {"a", "b*"}, 4, Milliseconds(9),
                         true, false, 1,       0};
    const auto greeted = decodeHello(encode(hello));
    REQUIRE(greeted);
    CHECK(greeted->description.event_types == std::vector<std::string>{"a", "b*"});
    CHECK(greeted->description.worker_allowed);
    CHECK_FALSE(greeted->description.in_process_allowed);

    AttemptEnd end;
    end.kind = AttemptEnd::Kind::kRetry;
    end.retry_after = Milliseconds(77);
    end.text = "why";
    const auto ended = decodeResult(encode(end));
    REQUIRE(ended);
    CHECK(ended->kind == AttemptEnd::Kind::kRetry);
    CHECK(ended->retry_after == Milliseconds(77));

    const auto call = decodeCall(encode(CallFrame{5, {"GET", "/x", "{}"}}));
    REQUIRE(call);
    CHECK(call->token == 5);
    CHECK(call->call.path == "/x");
    CHECK(decodeMetric(encode(MetricFrame{1, "n", 0.5}))->value == 0.5);
    CHECK(decodeGrace(encodeGrace(Milliseconds(3))) == Milliseconds(3));
  }

  TEST_CASE("worker_protocol: a result that only the host may give is refused") {
    AttemptEnd end;
    end.kind = AttemptEnd::Kind::kInterrupted;
    CHECK_FALSE(decodeResult(encode(end)));
    end.kind = static_cast<AttemptEnd::Kind>(0);
    CHECK_FALSE(decodeResult(encode(end)));
  }

  TEST_CASE("worker_protocol: a description larger than a descriptor may be is refused") {
    HelloFrame hello;
    hello.description.id = "m";
    hello.description.event_types = {"a"};
    CHECK(decodeHello(encode(hello)));
    for (std::string* text : {&hello.description.version, &hello.description.description,
                              &hello.description.event_types[0]}) {
      text->assign(kDescriptionBytesMax + 1, 'x');
      CHECK_FALSE(decodeHello(encode(hello)));
      *text = "x";
    }
    hello.description.config_schema.assign(kConfigSchemaBytesMax + 1, ' ');
    CHECK_FALSE(decodeHello(encode(hello)));
  }

  TEST_CASE("worker_protocol: a payload that is cut or has more behind it is refused") {
    const std::string whole = encode(sampleEvent());
    for (std::size_t size = 0; size < whole.size(); ++size)
      CHECK_FALSE(decodeEvent(whole.substr(0, size)));
    CHECK_FALSE(decodeEvent(whole + "x"));
  }

  TEST_CASE("worker_protocol: random bytes never do worse than being refused") {
    std::mt19937 random(11);
    for (int round = 0; round < 3000; ++round) {
      std::string bytes(random() % 200, '\0');
      for (char& c : bytes) c = static_cast<char>(random() % 4 == 0 ? random() : random() % 4);
      decodeAll(bytes);
      FrameDecoder decoder(128);
      decoder.feed(bytes);
      for (const Frame& frame : framesIn(decoder))
        CHECK(frame.payload.size() + kFrameHeadBytes <= 128);
    }
    // And true payloads with a byte changed, which get further in.
    const std::string whole = encode(sampleEvent());
    for (std::size_t at = 0; at < whole.size(); ++at) {
      std::string broken = whole;
      broken[at] = static_cast<char>(random());
      decodeAll(broken);
    }
  }
}
