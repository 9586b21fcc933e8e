// SQL about the columns of a read model, whose one list is the `CREATE TABLE` of its .sql file: one
// column a line, each with its name and type. Generated columns are not written, and not read here.
//
// Threads: pure functions.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace jangbu {

// "id, name, …": all that is written, in its order.
std::string columns_of(std::string_view ddl);

// New rows: an array for each of those columns.
std::string insert_sql(std::string_view ddl);

// The same, where a row takes the place of one that has its key. REQUIRES: that is the first
// column.
std::string upsert_sql(std::string_view ddl);

// Rows of these columns alone, "(SELECT unnest($1::uuid[]) AS id, …)", for an UPDATE … FROM.
std::string rows_sql(std::string_view ddl, std::initializer_list<std::string_view> names);

}  // namespace jangbu
