// Loops that the threads of a team share out.
#pragma once

#include <algorithm>
#include <cstddef>

#include "thread_pool.h"

namespace larq_igp {

// Rough figures, by which loops are shared out.
constexpr double kNanosecondsPerValue = 0.1, kNanosecondsPerWord = 0.5;

// Calls `body(begin, end)` for parts of `count` items, which take `nanoseconds` each.
template <class Body>
void ForRanges(Team* team, size_t count, double nanoseconds, const Body& body) {
  const int width = team->Width(static_cast<double>(count) * nanoseconds);
  const size_t pieces = width == 1 ? 1 : std::min<size_t>(count, 4 * static_cast<size_t>(width));
  team->For(pieces, width,
            [&](size_t piece, int) { body(count * piece / pieces, count * (piece + 1) / pieces); });
}

}  // namespace larq_igp
