# Turns each file into a constant: index.html becomes `text::index_html`, accounts.sql
# `sql::accounts`; `text::all` lists all of them with their names. The contents are written byte by
# byte, so that they need no escaping and string literals' length limit does not apply.
function(embed namespace header)
  set(constants "")
  set(all "")
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
    get_filename_component(file_name ${file} NAME)
    string(REGEX REPLACE "\\.(json|sql)$" "" name ${file_name})
    string(MAKE_C_IDENTIFIER ${name} name)
    string(APPEND constants "inline constexpr char ${name}_bytes[] = {${bytes}'\\0'};\n"
                            "inline constexpr std::string_view ${name}{${name}_bytes, sizeof ${name}_bytes - 1};\n")
    string(APPEND all "{\"${file_name}\", ${name}},")
  endforeach()
  file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/generated/${header}" @ONLY CONTENT
"// Made from the files of their names.
#pragma once
#include <string_view>
#include <utility>
namespace ${namespace} {
${constants}constexpr std::pair<std::string_view, std::string_view> all[] = {${all}};
}  // namespace ${namespace}
")
endfunction()
