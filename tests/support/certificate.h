// A key and a certificate of its own for `name`, as PEM files; fails the test where openssl can not.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "tests/support/host_process.h"

namespace modhost::host {

inline void makeCertificate(const std::string& name, const std::string& key_file,
                            const std::string& certificate_file) {
  const std::string said = certificate_file + ".log";
  const ProcessEnd made = waitForEnd(startProcess(
      {"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
       "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-keyout", key_file, "-out",
       certificate_file, "-subj", "/CN=test", "-addext", "subjectAltName=DNS:" + name},
      {}, said, said));
  REQUIRE_MESSAGE(made.exit_status == 0, fileText(said));
}

}  // namespace modhost::host
