// tools/lutra/interrupt.hpp: Ctrl-C as a question that long work asks now and then, so that no half file is left behind.
// SPDX-License-Identifier: MIT
#pragma once
#include "failure.hpp"

#include <lutra/io/stream.hpp>

#include <array>
#include <cstddef>

namespace command {

/// While it lives, the first SIGINT or SIGTERM sets a flag; the second one stops the process as usual. One that is ignored
/// (nohup, a shell's background) stays ignored.
class Interrupt {
public:
    Interrupt();
    ~Interrupt();
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;

private:
    std::array<void (*)(int), 2> before_{};  // what SIGINT and SIGTERM did
};

bool interrupted();
/// Throws Error (Errc::cancelled) once interrupted.
void check_interrupt();

/// Passes bytes on until interrupted: then writing fails, and a FileWriter behind it removes its temporary file.
class InterruptibleWriter final : public Writer {
public:
    explicit InterruptibleWriter(Writer& out) : out_(out) {}
    Status write(const void* from, std::size_t n) override;

private:
    Writer& out_;
};

}  // namespace command
