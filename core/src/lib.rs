//! Connect an organization's calendars through Cronofy's Organization Connect, and act as any of its members.
pub mod operation;
