//! Clients on TCP: taken in, read, written to, and closed.

use super::{Client, ERROR_PAUSE, Worker};
use crate::connection::{CONNECTIONS_MAX, Connection, IDLE_TIMEOUT, is_passing};
use crate::counters::Dropped;
use netloom_base::Time;
use netloom_dns::{Transport, handle};
use std::thread;

impl Worker {
    pub(super) fn accept(&mut self, now: Time, sockets: usize) {
        let stream = match self.sockets[sockets].tcp.accept() {
            Ok((stream, _)) => stream,
            Err(error) if is_passing(&error) => return,
            Err(_) => return thread::sleep(ERROR_PAUSE),
        };
        let Ok(connection) = Connection::new(stream, sockets, now) else { return };
        if self.connections.len() >= CONNECTIONS_MAX {
            let idle = self.connections.iter().min_by_key(|(_, connection)| connection.active);
            if let Some(number) = idle.map(|(number, _)| *number) {
                self.connections.remove(&number);
                self.counters.drop_for(Dropped::ConnectionGaveWay);
            }
        }
        self.counters.connections += 1;
        let number = self.number();
        self.connections.insert(number, connection);
    }

    pub(super) fn read(&mut self, now: Time, number: u64) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if connection.read(now).is_err() {
            self.connections.remove(&number);
            return;
        }
        self.serve(now, number);
    }

    /// Handles the queries that a connection has brought in whole.
    pub(super) fn serve(&mut self, now: Time, number: u64) {
        while let Some((sockets, query)) =
            self.connections.get_mut(&number).and_then(Connection::next_query)
        {
            self.counters.queries_tcp += 1;
            let handling = handle(&self.zones[sockets], &query, Transport::Tcp);
            self.handle_query(now, Client::Tcp { connection: number }, handling);
        }
        if self.connections.get(&number).is_some_and(Connection::is_finished) {
            self.connections.remove(&number);
        }
    }

    pub(super) fn write(&mut self, now: Time, number: u64) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if connection.write(now).is_err() {
            self.connections.remove(&number);
        }
    }

    pub(super) fn close_idle(&mut self, now: Time) {
        let counters = &mut self.counters;
        self.connections.retain(|_, connection| {
            let idle = now - connection.active >= IDLE_TIMEOUT;
            if idle {
                counters.drop_for(Dropped::ConnectionIdle);
            }
            !idle && !connection.is_finished()
        });
    }
}
