#include "schema/store_sql.h"

const char store_sql[] =
#include "store.sql.inc"
    ;

const char store_index_sql[] =
#include "store_index.sql.inc"
    ;
