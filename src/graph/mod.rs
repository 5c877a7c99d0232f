//! stub
mod retry;
pub use retry::{Schedule, ScheduleError};
