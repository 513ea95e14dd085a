"""Makes a job and a token for it in the Girder whose database GIRDER_MONGO_URI names; no REST call can do that.

Reads {title, handler, celeryTaskId, status, user} as JSON from standard input, all of them optional, and prints
{"jobId": ..., "token": ...}; reads and prints a list for several jobs. `user` is the login of the job's owner; a job
without one is the administrators'.
"""

import datetime
import json
import sys

from girder.models.user import User
from girder_jobs.models.job import Job


def status_fields(status):
    """A job that has come so far already, whatever plugin its status belongs to."""
    if not status:
        return {}
    now = datetime.datetime.now(datetime.timezone.utc)
    return {'status': status, 'timestamps': [{'status': status, 'time': now}]}


def make_job(wanted):
    """Stores the job and returns its id and its token."""
    login = wanted.get('user')
    other_fields = status_fields(wanted.get('status'))
    if wanted.get('celeryTaskId') is not None:
        other_fields['celeryTaskId'] = wanted['celeryTaskId']
    jobs = Job()
    # Only the server's plugins know the states that they add; this process loads none.
    jobs.validate = lambda job: job
    job = jobs.createJob(
        title=wanted.get('title', 'a job of a test'),
        type='dockerrun-test',
        handler=wanted.get('handler') or None,
        user=User().findOne({'login': login}) if login else None,
        otherFields=other_fields,
    )
    return {'jobId': str(job['_id']), 'token': jobs.createJobToken(job, days=1)['_id']}


wanted = json.load(sys.stdin)
print(json.dumps([make_job(one) for one in wanted] if isinstance(wanted, list) else make_job(wanted)))
