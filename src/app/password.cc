#include "app/password.h"

#include <crypt.h>
#include <dlfcn.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>

#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kLength = 16;
constexpr std::string_view kLetters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
constexpr std::string_view kSaltLetters =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
// glibc's and libxcrypt's names; the same crypt_r is in both.
constexpr std::array kLibraries = {"libcrypt.so.1", "libcrypt.so.2"};

// Each letter with the same chance: what would prefer some is thrown away.
Result<std::string> random_letters(std::string_view letters, std::size_t count) {
  const std::size_t limit = 256 - (256 % letters.size());
  std::string text;
  while (text.size() < count) {
    unsigned char byte = 0;
    if (::getrandom(&byte, 1, 0) != 1) {
      if (errno == EINTR) continue;
      return system_error(errno, {N_("Could not get random numbers")});
    }
    if (byte < limit) text += letters[byte % letters.size()];
  }
  return text;
}

// Windows asks for three kinds of characters where its policy is strict.
bool has_all_kinds(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return c >= 'a' && c <= 'z'; }) &&
         std::ranges::any_of(text, [](char c) { return c >= 'A' && c <= 'Z'; }) &&
         std::ranges::any_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

using CryptFunction = char* (*)(const char*, const char*, crypt_data*);

// Only installations need it: nothing else waits for it to be loaded.
CryptFunction crypt_function() {
  for (const char* name : kLibraries) {
    void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) continue;
    void* found = ::dlsym(library, "crypt_r");
    if (found != nullptr) return reinterpret_cast<CryptFunction>(found);
  }
  return nullptr;
}

}  // namespace

Result<std::string> make_password() {
  while (true) {
    std::string password = TRY(random_letters(kLetters, kLength));
    if (has_all_kinds(password)) return password;
  }
}

Result<std::string> hash_password(const std::string& password) {
  const CryptFunction crypt = crypt_function();
  if (crypt == nullptr) {
    return error_of(ErrorCode::NotFound,
                    {N_("The library libcrypt, which makes a password unreadable, is not here")},
                    {N_("Install package libcrypt1 on Debian and Ubuntu, libxcrypt elsewhere.")});
  }
  const std::string setting = "$6$" + TRY(random_letters(kSaltLetters, kLength));
  const auto data = std::make_unique<crypt_data>();
  const char* hash = crypt(password.c_str(), setting.c_str(), data.get());
  // libxcrypt's sign of failure starts with "*" (crypt(3)).
  if (hash == nullptr || *hash == '*') {
    return system_error(errno, {N_("Could not make the password unreadable")});
  }
  return std::string(hash);
}

}  // namespace cleave
