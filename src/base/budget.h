// A byte budget that every allocation depending on input asks first.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

namespace pome::base {

/// Counts bytes taken against a limit. Thread-safe. One travels with every load and one with every
/// prediction; whoever allocates by a size that came from input calls `take` before.
class Budget {
 public:
  /// Default limit of a load or prediction: 64 GiB, above any machine this is meant for, below
  /// what would overflow; callers with less set their own.
  static constexpr std::int64_t default_limit = std::int64_t{64} << 30;

  explicit Budget(std::int64_t limit = default_limit) noexcept : limit_(limit) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  /// Books `bytes` for `what`; throws Error{out_of_memory} naming both when the limit is passed.
  void take(std::int64_t bytes, std::string_view what);
  /// Like `take`, for code that must not throw. False when the limit is passed.
  bool try_take(std::int64_t bytes) noexcept;
  void give_back(std::int64_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  std::int64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  std::int64_t limit() const noexcept { return limit_; }

 private:
  std::int64_t limit_;
  std::atomic<std::int64_t> used_{0};
};

/// Bytes booked by an owner that grows and shrinks; given back when it goes. A copy books as many
/// again. Without a budget it only counts. The budget must live as long.
class Booking {
 public:
  Booking() noexcept = default;
  explicit Booking(Budget* budget) noexcept : budget_(budget) {}
  Booking(const Booking& other) : budget_(other.budget_) { take(other.bytes_, "a copy"); }
  Booking& operator=(const Booking& other) {
    if (this == &other) return *this;
    Booking copy(other);
    swap(copy);
    return *this;
  }
  Booking(Booking&& other) noexcept { swap(other); }
  Booking& operator=(Booking&& other) noexcept {
    Booking taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~Booking() { give_back(bytes_); }

  /// Books more for `what`; throws Error{out_of_memory} when the limit is passed.
  void take(std::int64_t bytes, std::string_view what) {
    if (budget_) budget_->take(bytes, what);
    bytes_ += bytes;
  }
  void give_back(std::int64_t bytes) noexcept {
    if (budget_) budget_->give_back(bytes);
    bytes_ -= bytes;
  }
  void swap(Booking& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
  }

 private:
  Budget* budget_ = nullptr;
  std::int64_t bytes_ = 0;
};

}  // namespace pome::base
