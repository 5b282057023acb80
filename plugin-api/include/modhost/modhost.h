// Everything a module needs: #include <modhost/modhost.h>
#pragma once

#include "modhost/context.h"
#include "modhost/error.h"
#include "modhost/event.h"
#include "modhost/export.h"
#include "modhost/external_module.h"
#include "modhost/host_services.h"
#include "modhost/json.h"
#include "modhost/module_info.h"
#include "modhost/outcome.h"
#include "modhost/step.h"
#include "modhost/text.h"
#include "modhost/unique/client.h"
