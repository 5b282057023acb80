// kSanitized: built with AddressSanitizer or ThreadSanitizer, whose shadow memory and symbol names
// do not bear an address-space limit or an unloaded library.
#pragma once

namespace modhost::host {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MODHOST_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MODHOST_SANITIZED 1
#endif

#ifdef MODHOST_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace modhost::host
