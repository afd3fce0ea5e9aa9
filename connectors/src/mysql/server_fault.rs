//! Errors of MySQL and MariaDB, sorted by what helps.
//!
//! Numbers are from the servers' error references (`mysqld_error.h`; MariaDB shares them below 1900).

use mysql::{DriverError, Error, MySqlError};

use super::connection::{DataFault, Fault};

/// Sorts an error of the client library.
pub(super) fn sort(error: &Error) -> Fault {
    match error {
        Error::MySqlError(error) => sort_server(error),
        Error::DriverError(error) => sort_driver(error),
        Error::IoError(_) | Error::CodecError(_) | Error::TlsError(_) => Fault::Lost(error.to_string()),
        Error::UrlError(_) | Error::FromValueError(_) | Error::FromRowError(_) => Fault::Refused {
            message: "the server's answer has a form that is not understood".into(),
            hint: "check that `url` leads to a MySQL or MariaDB server".into(),
        },
    }
}

fn sort_driver(error: &DriverError) -> Fault {
    match error {
        DriverError::UnsupportedProtocol(_)
        | DriverError::Protocol41NotSet
        | DriverError::TlsNotSupported
        | DriverError::UnknownAuthPlugin(_)
        | DriverError::OldMysqlPasswordDisabled
        | DriverError::CleartextPluginDisabled => Fault::Refused {
            message: error.to_string(),
            hint: "use an account with `mysql_native_password` or `caching_sha2_password`".into(),
        },
        DriverError::PacketTooLarge => too_large(error.to_string()),
        _ => Fault::Lost(error.to_string()),
    }
}

fn sort_server(error: &MySqlError) -> Fault {
    let message = format!("{} (error {})", error.message, error.code);
    match error.code {
        // Too many connections, shutdown, aborted or killed connections, servers that say they are gone.
        1040 | 1053 | 1077 | 1080 | 1152 | 1158..=1161 | 1184 | 1203 | 1226 | 1927 | 2006 | 2013 | 3169 | 4031 => {
            Fault::Lost(message)
        }
        // Deadlock, lock wait timeout, changed row, killed or timed-out query, memory and disk full, read-only servers during a failover.
        1205 | 1213 | 1020 | 1317 | 1614 | 1969 | 3024 | 1021 | 1037 | 1041 | 1114 | 1290 | 1836 => {
            Fault::Conflict(message)
        }
        // Null, default, length, range, form, character set, unique, foreign key and check constraints.
        1048 | 1062 | 1169 | 1216 | 1264 | 1265 | 1292 | 1300 | 1364 | 1366 | 1367 | 1406 | 1411 | 1452 | 1525
        | 1586 | 1690 | 3140 | 3819 | 4025 => Fault::Data(DataFault {
            column: column_in(&error.message),
            row: number_after(&error.message, "at row ").and_then(|row| row.checked_sub(1)),
            duplicate: matches!(error.code, 1062 | 1169 | 1586),
            message,
        }),
        1153 | 1301 => too_large(message),
        _ => Fault::Refused { message, hint: remedy(error.code).into() },
    }
}

fn too_large(message: String) -> Fault {
    Fault::Refused { message, hint: "raise the server's `max_allowed_packet`".into() }
}

fn remedy(code: u16) -> &'static str {
    match code {
        1045 | 1698 | 1862 | 1251 => "correct user and password in `url`",
        1044 | 1142 | 1143 | 1227 | 1370 => {
            "grant the account SELECT, INSERT, UPDATE, DELETE and CREATE on this database"
        }
        1046 => "name the database in `url`, as in mysql://user:password@host:3306/database",
        1049 => "create the database, or correct its name in `url`",
        1129 | 1130 => "let the server accept connections from this host",
        1054 | 1136 | 1146 | 1932 => {
            "the table has been changed while it is written to; start again to see how it differs"
        }
        1792 => "a report only reads, and a sink's account must be able to write",
        _ => "look the error's number up in the server's manual",
    }
}

/// The column that a message names: `Data too long for column 'a'`, or in full as MariaDB does, ``for column `db`.`table`.`a` ``.
fn column_in(message: &str) -> Option<String> {
    let start = ["column ", "Column ", "Field "].iter().find_map(|mark| Some(message.find(mark)? + mark.len()))?;
    let rest = &message[start..];
    match rest.chars().next()? {
        '\'' => rest[1..].split_once('\'').map(|(name, _)| name.to_owned()),
        '`' => rest.split(" at row ").next()?.rsplit("`.`").next().map(|name| name.trim_matches('`').to_owned()),
        _ => None,
    }
}

fn number_after(message: &str, mark: &str) -> Option<usize> {
    let rest = &message[message.rfind(mark)? + mark.len()..];
    rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(code: u16, message: &str) -> Fault {
        sort(&Error::MySqlError(MySqlError { state: "HY000".into(), message: message.into(), code }))
    }

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        assert!(matches!(server(1205, "Lock wait timeout exceeded"), Fault::Conflict(_)));
        assert!(matches!(server(1213, "Deadlock found"), Fault::Conflict(_)));
        assert!(matches!(server(1927, "Connection was killed"), Fault::Lost(_)));
        assert!(matches!(server(1045, "Access denied"), Fault::Refused { hint, .. } if hint.contains("password")));
        assert!(matches!(server(1049, "Unknown database"), Fault::Refused { .. }));
    }

    #[test]
    fn columns_and_rows_are_read_from_the_message() {
        let Fault::Data(fault) = server(1406, "Data too long for column 'name' at row 12") else {
            panic!("no data fault")
        };
        assert_eq!((fault.column.as_deref(), fault.row, fault.duplicate), (Some("name"), Some(11), false));
        let Fault::Data(fault) = server(1292, "Incorrect datetime value: 'x' for column `d`.`t`.`at` at row 1") else {
            panic!("no data fault")
        };
        assert_eq!((fault.column.as_deref(), fault.row), (Some("at"), Some(0)));
        let Fault::Data(fault) = server(1048, "Column 'a' cannot be null") else { panic!("no data fault") };
        assert_eq!((fault.column.as_deref(), fault.row), (Some("a"), None));
    }
}
