#include "host/admin/page.h"

#include "embedded_page.h"
#include "host/admin/admin_json.h"

namespace modhost::host {

namespace {

struct PageFile {
  std::string_view name;
  const char* type;
  std::string_view text;
};

constexpr char kHtml[] = "text/html; charset=utf-8";
constexpr char kCss[] = "text/css; charset=utf-8";
constexpr char kJs[] = "text/javascript; charset=utf-8";

const PageFile kFiles[] = {{"page.css", kCss, kPageCss},  {"page.js", kJs, kPageJs},
                           {"api.js", kJs, kPageApiJs},   {"events.js", kJs, kPageEventsJs},
                           {"host.js", kJs, kPageHostJs}, {"metrics.js", kJs, kPageMetricsJs},
                           {"plot.js", kJs, kPagePlotJs}, {"view.js", kJs, kPageViewJs}};

AdminReply reply(const char* type, std::string_view text) {
  AdminReply reply;
  reply.type = type;
  reply.text = text;
  return reply;
}

AdminReply fileReply(const AdminRequest& request) {
  for (const PageFile& file : kFiles) {
    if (file.name == request.captured.at("file")) return reply(file.type, file.text);
  }
  return problem(404, "no such file of the page");
}

}  // namespace

void addPage(AdminRouter& router) {
  router.add("GET", "/", [](const AdminRequest&) { return reply(kHtml, kPageIndexHtml); });
  router.add("GET", std::string(kPagePrefix) + "{file}", fileReply);
}

}  // namespace modhost::host
