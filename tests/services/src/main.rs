//! One of the servers, for tests that are not written in Rust: `orgconnect-test-services postgres`, or `redis`. The first line
//! it prints is the URL. Then each line that it is sent is carried out and answered with `done`: `pause`, `resume`, `kill`
//! or `start`. The server ends with its input.
#![forbid(unsafe_code)]

use std::{
    env,
    io::{self, BufRead, Write},
    process::ExitCode,
};

use orgconnect_test_services::{Postgres, Redis};

fn main() -> ExitCode {
    let served = match env::args().nth(1).as_deref() {
        Some("postgres") => Postgres::start().and_then(|postgres| {
            serve(&postgres.url(), |word| match word {
                "pause" => postgres.pause(),
                "resume" => postgres.resume(),
                "kill" => postgres.kill(),
                "start" => postgres.start_again(),
                _ => Err(io::Error::other("pause, resume, kill or start")),
            })
        }),
        Some("redis") => Redis::start().and_then(|redis| {
            serve(&redis.url(), |word| match word {
                "pause" => redis.pause(),
                "resume" => redis.resume(),
                "kill" => redis.kill(),
                "start" => redis.start_again(),
                _ => Err(io::Error::other("pause, resume, kill or start")),
            })
        }),
        _ => Err(io::Error::other("say postgres or redis")),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("orgconnect-test-services: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(url: &str, act: impl Fn(&str) -> io::Result<()>) -> io::Result<()> {
    say(url)?;
    for line in io::stdin().lock().lines() {
        act(line?.trim())?;
        say("done")?;
    }
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}
