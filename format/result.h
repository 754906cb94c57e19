// Errors as values. Every layer adds where it was ("segment 3, block 17: …"); only tools/ prints them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace dse {

// What went wrong, as far as a caller acts on it. tools/ maps each to an exit code.
enum class ErrorCode {
  usage,      // the request makes no sense
  damaged,    // the input is not what it claims to be; what was valid has been delivered
  privilege,  // the kernel refuses, or lacks what is needed
  io,         // the operating system refuses to read or write
};

class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  // One line: what, why, and the remedy where there is one.
  const std::string& message() const { return message_; }

  // The same error, with where it happened put before it.
  Error in(const std::string& where) const { return {code_, where + ": " + message_}; }

 private:
  ErrorCode code_;
  std::string message_;
};

// An Error from errno: "what: strerror".
Error errno_error(const std::string& what, int error_number);

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() { return std::get<0>(state_); }
  const T& value() const { return std::get<0>(state_); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace dse

// Returns the error of `expression` from the enclosing function, if it has one.
#define DSE_TRY(expression) DSE_TRY_(DSE_TRY_NAME_(__LINE__), expression)
#define DSE_TRY_(name, expression)                            \
  do {                                                        \
    if (auto name = (expression); !name) return name.error(); \
  } while (false)

// The same for a Result<T>; `declaration` receives the value.
#define DSE_TRY_ASSIGN(declaration, expression) \
  DSE_TRY_ASSIGN_(DSE_TRY_NAME_(__LINE__), declaration, expression)
#define DSE_TRY_NAME_(line) DSE_TRY_NAME2_(line)
#define DSE_TRY_NAME2_(line) dse_result_##line
#define DSE_TRY_ASSIGN_(name, declaration, expression) \
  auto name = (expression);                            \
  if (!name) return name.error();                      \
  declaration = std::move(name.value())
