# cleave_static_library(TARGET NAME…)
# A library and what it needs, linked statically where the distribution has the .a: most commands
# use none of them, but each shared one costs every start of cleave 0.1 to 0.3 ms.
function(cleave_static_library target)
  add_library(${target} INTERFACE)
  foreach(name IN LISTS ARGN)
    find_library(cleave_lib${name} NAMES lib${name}.a ${name} REQUIRED)
    target_link_libraries(${target} INTERFACE ${cleave_lib${name}})
  endforeach()
endfunction()
