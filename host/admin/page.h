// The operator's page: the files of host/admin/page, built into the program. They hold no data; the
// page's scripts ask the admin API for it, as every other client does.
#pragma once

#include <string_view>

#include "host/admin/admin_router.h"

namespace modhost::host {

// Its files but index.html, which is "/", stand under this.
inline constexpr std::string_view kPagePrefix = "/page/";

void addPage(AdminRouter& router);

}  // namespace modhost::host
