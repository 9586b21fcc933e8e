// SQL for the columns of a read model. Their only list is the `CREATE TABLE` of its .sql file: one
// column per line, with its name and type. Generated columns are neither written nor read here.
//
// Threads: pure functions.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace jangbu {

// "id, name, …": all columns that are written, in order.
std::string columns_of(std::string_view ddl);

// Inserts rows, given as one array per column.
std::string insert_sql(std::string_view ddl);

// The same, except that a row replaces one with the same key. REQUIRES: the key is the first
// column.
std::string upsert_sql(std::string_view ddl);

// Rows of these columns alone, "(SELECT unnest($1::uuid[]) AS id, …)", for an UPDATE … FROM.
std::string rows_sql(std::string_view ddl, std::initializer_list<std::string_view> names);

}  // namespace jangbu
