#include "host/admin/admin_router.h"

#include <doctest/doctest.h>

namespace modhost::host {
namespace {

AdminHandler says(const std::string& what) {
  return [what](const AdminRequest&) {
    AdminReply reply;
    reply.text = what;
    return reply;
  };
}

AdminRequest asked(const std::string& method, const std::string& target) {
  AdminRequest request;
  request.method = method;
  splitTarget(target, request);
  return request;
}

}  // namespace

TEST_SUITE("admin") {
  TEST_CASE("router: method and path choose the handler") {
    AdminRouter router;
    router.add("GET", "/a", says("get a"));
    router.add("POST", "/a", says("post a"));
    router.add("GET", "/a/b", says("get a b"));

    CHECK(router.answer(asked("GET", "/a")).text == "get a");
    CHECK(router.answer(asked("HEAD", "/a")).text == "get a");
    CHECK(router.answer(asked("POST", "/a?x=1")).text == "post a");
    CHECK(router.answer(asked("GET", "/a/b")).text == "get a b");
  }

  TEST_CASE("router: an unknown path is 404 and an unknown method 405 with those allowed") {
    AdminRouter router;
    router.add("GET", "/a", says(""));
    router.add("POST", "/a", says(""));
    router.add("POST", "/b/{id}", says(""));

    for (const char* path : {"/", "", "/a/", "/b", "/b/", "/b/1/2", "//a"}) {
      CHECK_MESSAGE(router.answer(asked("GET", path)).status == 404, path);
    }
    const AdminReply both = router.answer(asked("DELETE", "/a"));
    CHECK(both.status == 405);
    CHECK(both.headers.at(0) == std::pair<std::string, std::string>("Allow", "GET, HEAD, POST"));
    CHECK(router.answer(asked("GET", "/b/1")).headers.at(0).second == "POST");
  }

  TEST_CASE("router: a name stands for one segment which the handler gets decoded") {
    AdminRouter router;
    router.add("GET", "/e/{id}/x", [](const AdminRequest& request) {
      AdminReply reply;
      reply.text = request.captured.at("id");
      return reply;
    });

    CHECK(router.answer(asked("GET", "/e/evt_1/x")).text == "evt_1");
    CHECK(router.answer(asked("GET", "/e/a%2Fb%3F%25+%/x")).text == "a/b?%+%");
    CHECK(router.answer(asked("GET", "/e//x")).status == 404);
  }

  TEST_CASE("router: a fixed segment wins over a name whatever came first") {
    AdminRouter router;
    router.add("POST", "/e/{id}", says("one"));
    router.add("POST", "/e/replay", says("many"));

    CHECK(router.answer(asked("POST", "/e/replay")).text == "many");
    CHECK(router.answer(asked("POST", "/e/17")).text == "one");
  }

  TEST_CASE("router: a query is split and decoded and the last of a name counts") {
    const AdminRequest request = asked("GET", "/a?x=1&y=a+b%20c&x=2&flag&&z=%zz%4");

    CHECK(request.path == "/a");
    CHECK(request.query.at("x") == "2");
    CHECK(request.query.at("y") == "a b c");
    CHECK(request.query.at("flag").empty());
    CHECK(request.query.at("z") == "%zz%4");
    CHECK(request.query.size() == 4);
  }

  TEST_CASE("router: it lists every route") {
    AdminRouter router;
    router.add("POST", "/b/{id}", says(""));
    router.add("GET", "/a", says(""));

    CHECK(router.routes() == std::vector<std::string>{"GET /a", "POST /b/{id}"});
  }
}

}  // namespace modhost::host
