# Warnings, hardening and sanitizers for cleave's own targets: link cleave_flags to get them.
add_library(cleave_flags INTERFACE)
target_include_directories(cleave_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(cleave_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wnull-dereference -Wformat=2 -Wimplicit-fallthrough)

# Hardening as Debian's own packages have it (dpkg-buildflags hardening=+all), plus bounds checks
# of the standard library, which cost nothing measurable here.
target_compile_options(cleave_flags INTERFACE
  -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE)
target_compile_definitions(cleave_flags INTERFACE _GLIBCXX_ASSERTIONS)
target_link_options(cleave_flags INTERFACE -pie LINKER:-z,relro,-z,now,-z,noexecstack)
if(NOT CLEAVE_SANITIZE)
  # _FORTIFY_SOURCE needs optimisation and hides errors from the sanitizers.
  target_compile_definitions(cleave_flags INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
else()
  target_compile_options(cleave_flags INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(cleave_flags INTERFACE -fsanitize=address,undefined)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these inside libstdc++'s own std::expected, std::variant and std::string when it
  # optimises; clang-tidy looks for real ones.
  target_compile_options(cleave_flags INTERFACE -Wno-null-dereference -Wno-maybe-uninitialized -Wno-restrict)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++ 12's own std::stable_sort calls std::get_temporary_buffer, which C++17 deprecated.
  target_compile_options(cleave_flags INTERFACE -Wno-deprecated-declarations)
endif()
if(CLEAVE_FUZZERS)
  # clang refuses what libstdc++ 12's own stable_sort calls.
  target_compile_options(cleave_flags INTERFACE
    -fsanitize=fuzzer-no-link -Wno-deprecated-declarations)
endif()
