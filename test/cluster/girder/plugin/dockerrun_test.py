"""Runs the tests' Python inside of a request to Girder, as the endpoint of a plugin does, and notes what Girder processes.

Only inside of a request has a task a job, and the tokens of the user who asks. The Python is that of files in the
directory DOCKERRUN_TEST_EXAMPLES, where only root of this machine can write.
"""

import collections
import os
import re
import threading

from celery.signals import after_task_publish
from girder import events
from girder.api import access
from girder.api.describe import Description, autoDescribeRoute
from girder.api.rest import Resource, setCurrentUser
from girder.exceptions import RestException
from girder.models.folder import Folder
from girder.models.item import Item
from girder.models.user import User
from girder.plugin import GirderPlugin, getPlugin
from girder_jobs.models.job import Job

#: How many events are kept.
remembered = 10_000
#: A folder with this metadata loses each item as soon as its file was processed, as annotations of HistomicsUI do.
ingests = 'dockerrunTestIngests'

this_thread = threading.local()
processed = collections.deque(maxlen=remembered)


@after_task_publish.connect
def note_task(headers=None, routing_key=None, **kwargs):
    """Notes a task that an example of this thread has published."""
    published = getattr(this_thread, 'published', None)
    if published is not None and headers is not None:
        published.append({'taskId': headers['id'], 'task': headers['task'], 'queue': routing_key})


def note_file(event):
    """Notes an event data.process, and ingests the item where its folder says so."""
    file = event.info['file']
    item = Item().load(file['itemId'], force=True)
    if item is None:
        return
    processed.append(
        {
            'fileId': str(file['_id']),
            'name': file['name'],
            'size': file['size'],
            'itemId': str(item['_id']),
            'folderId': str(item['folderId']),
            'reference': event.info.get('reference'),
        }
    )
    folder = Folder().load(item['folderId'], force=True)
    if folder is not None and folder.get('meta', {}).get(ingests):
        Item().remove(item)


def job_of(task):
    """The task with the id of its job; None if it has none."""
    job = Job().findOne({'celeryTaskId': task['taskId']}, fields=['_id'])
    return dict(task, jobId=None if job is None else str(job['_id']))


class TestResource(Resource):
    """The endpoints of the tests; all are for administrators."""

    def __init__(self):
        super().__init__()
        self.resourceName = 'dockerrun_test'
        self.route('POST', ('example',), self.run_example)
        self.route('GET', ('processed',), self.get_processed)

    @access.admin
    @autoDescribeRoute(
        Description('Run a file of Python; returns the tasks that it has published.')
        .param('name', 'The name of the file.', paramType='formData')
        .jsonParam('values', 'The globals of the file.', paramType='formData', requireObject=True, default={})
        .param('user', 'The login of the user who asks, else the administrator.', paramType='formData', required=False)
    )
    def run_example(self, name, values, user):
        if not re.fullmatch(r'[a-z0-9-]{1,100}\.py', name):
            raise RestException('name must have letters, digits, dashes, and end with .py.')
        path = os.path.join(os.environ['DOCKERRUN_TEST_EXAMPLES'], name)
        with open(path) as file:
            program = compile(file.read(), path, 'exec')
        if user is not None:
            setCurrentUser(User().findOne({'login': user}))
        this_thread.published = []
        try:
            exec(program, dict(values, __name__='example'))
            return [job_of(task) for task in this_thread.published]
        finally:
            this_thread.published = None

    @access.admin
    @autoDescribeRoute(
        Description('The latest events data.process of a folder, the oldest first.').param('folderId', 'Its id.')
    )
    def get_processed(self, folderId):
        return [one for one in list(processed) if one['folderId'] == folderId]


class TestPlugin(GirderPlugin):
    DISPLAY_NAME = 'Tests of DockerRun'

    def load(self, info):
        getPlugin('worker').load(info)
        info['apiRoot'].dockerrun_test = TestResource()
        # After the handlers of other plugins, which may still look at the item.
        events.bind('data.process', 'dockerrun_test', note_file)
